"""Values of options that the command line offers, importable without the host stack."""

#: Name of the model that ships with the package: MPT with a small ViT, trained on
#: SynthME.
DEMO = 'demo'
#: Values of the option ``face``: detect and align faces, or take frames as they are.
FACE_MODES = ('align', 'as-is')
