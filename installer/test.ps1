# Sets up what is missing, then checks everything: ruff, mypy, import-linter, pytest.
#   powershell -ExecutionPolicy Bypass -File installer\test.ps1 [arguments of pytest]
$ErrorActionPreference = "Stop"
. (Join-Path $PSScriptRoot "prepare.ps1")
Initialize-Project test $args
& $own (Join-Path $PSScriptRoot "check.py") @args
exit $LASTEXITCODE
