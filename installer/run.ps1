# Sets up what is missing (the first time only), then starts the program:
#   powershell -ExecutionPolicy Bypass -File installer\run.ps1 [arguments of aoi]
$ErrorActionPreference = "Stop"
$root = Split-Path -Parent $PSScriptRoot
$own = Join-Path $root ".venv\Scripts\python.exe"
$prepare = Join-Path $PSScriptRoot "prepare.py"

$ready = $false
if (Test-Path $own) {
    & $own -E -S $prepare ready run -- @args
    $ready = $LASTEXITCODE -eq 0
}
if (-not $ready) {
    . (Join-Path $PSScriptRoot "find_python.ps1")
    $python = Find-Python
    & $python -E $prepare prepare run -- @args
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}
& (Join-Path $root ".venv\Scripts\aoi.exe") @args
exit $LASTEXITCODE
