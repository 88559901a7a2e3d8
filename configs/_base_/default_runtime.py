"""Settings of every protocol: leave one subject out, all folds stacked."""

_base_ = './runtime.py'

runner_type = 'LOSORunner'
loso = dict(protocol=dict(type='loso'), strategy='stacked', select='last')
# Called once per run: figures and report.html. Set it to [] to go without.
run_hooks = [dict(type='RunReportHook')]
