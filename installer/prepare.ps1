# Dot-sourced by run.ps1, test.ps1 and package.ps1: Initialize-Project run|test [arguments] sets up what is missing.
# The work itself is in prepare.py; here a Python is found that can start it.

$root = Split-Path -Parent $PSScriptRoot
$own = Join-Path $root ".venv\Scripts\python.exe"

function Initialize-Project([string] $Target, [string[]] $Arguments) {
    $prepare = Join-Path $PSScriptRoot "prepare.py"
    if (Test-Path $own) {
        & $own -E -S $prepare ready $Target -- @Arguments
        if ($LASTEXITCODE -eq 0) { return }
    }
    $python = Find-Python
    & $python -E $prepare prepare $Target -- @Arguments
    if ($LASTEXITCODE -ne 0) { exit $LASTEXITCODE }
}

function Test-Python([string[]] $Command) {
    # An error text on standard error must not end the script here: a version that is missing is no fault
    $ErrorActionPreference = "Continue"
    $program = $Command[0]
    $options = @($Command | Select-Object -Skip 1)
    if (-not (Get-Command $program -ErrorAction SilentlyContinue)) { return $null }
    $code = "import sys; print(sys.executable if (3, 10) <= sys.version_info < (3, 14) else '')"
    $found = & $program @options -c $code 2>$null
    if ($LASTEXITCODE -ne 0 -or -not $found) { return $null }
    return ([string] $found).Trim()
}

function Find-Python {
    if ($env:AOI_PYTHON) {
        $found = Test-Python @($env:AOI_PYTHON)
        if ($found) { return $found }
        throw "AOI_PYTHON=$($env:AOI_PYTHON) is not a Python 3.10 to 3.13 that runs"
    }
    foreach ($version in "3.13", "3.12", "3.11", "3.10") {
        $found = Test-Python @("py", "-$version")
        if ($found) { return $found }
    }
    foreach ($name in "python", "python3") {
        # the Store's stand-in of that name prints an advertisement and fails: Test-Python refuses it
        $found = Test-Python @($name)
        if ($found) { return $found }
    }
    throw "no Python 3.10 to 3.13 found. Install one from python.org (64-bit, with the 'py' launcher), then start this again."
}
