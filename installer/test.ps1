# Sets up what is missing, then checks everything: ruff, mypy, import-linter, pytest.
#   powershell -ExecutionPolicy Bypass -File installer\test.ps1 [arguments of pytest]
$ErrorActionPreference = "Stop"
$root = Split-Path -Parent $PSScriptRoot
$own = Join-Path $root ".venv\Scripts\python.exe"
$prepare = Join-Path $PSScriptRoot "prepare.py"

$ready = $false
if (Test-Path $own) {
    & $own -E -S $prepare ready test -- @args
    $ready = $LASTEXITCODE -eq 0
}
if (-not $ready) {
    . (Join-Path $PSScriptRoot "find_python.ps1")
    $python = Find-Python
    & $python -E $prepare prepare test -- @args
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
& $own (Join-Path $PSScriptRoot "check.py") @args
exit $LASTEXITCODE
