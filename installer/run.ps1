# Sets up what is missing (the first time only), then starts the program:
#   powershell -ExecutionPolicy Bypass -File installer\run.ps1 [arguments of aoi]
$ErrorActionPreference = "Stop"
. (Join-Path $PSScriptRoot "prepare.ps1")
Initialize-Project run $args
& (Join-Path $root ".venv\Scripts\aoi.exe") @args
exit $LASTEXITCODE
