"""Settings of every protocol: leave one subject out, all folds stacked."""

_base_ = './runtime.py'

runner_type = 'LOSORunner'
loso = dict(protocol=dict(type='loso'), strategy='stacked', select='last')
