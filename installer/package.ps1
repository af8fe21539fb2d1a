# Builds the desktop package, one folder with PyInstaller and a set-up program by NSIS:
#   powershell -ExecutionPolicy Bypass -File installer\package.ps1 [--output FOLDER]
$ErrorActionPreference = "Stop"
. (Join-Path $PSScriptRoot "prepare.ps1")
Initialize-Project test @()
& $own (Join-Path $PSScriptRoot "package.py") @args
exit $LASTEXITCODE
