; The Windows set-up around the frozen program:
;   makensis -DVERSION=0.1.0 -DPAYLOAD=<folder aoi> -DICON=<aoi.ico> -DOUTPUT=<setup.exe> aoi-station.nsi
; Per machine, with an uninstaller. Silent: setup.exe /S [/D=C:\path]. Settings and record are in the user's folders and
; stay on an upgrade and on removal.
Unicode true
SetCompressor /SOLID lzma
!include "MUI2.nsh"
!include "x64.nsh"

Name "AOI Station ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\AOI Station"
InstallDirRegKey HKLM "Software\AOI Station" "Folder"
RequestExecutionLevel admin
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "AOI Station"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "AOI Station set-up"
VIAddVersionKey "LegalCopyright" "Apache License 2.0"

!define MUI_ICON "${ICON}"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\AOI Station"
!insertmacro MUI_PAGE_LICENSE "..\LICENSE"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "SimpChinese"

LangString Running ${LANG_ENGLISH} "The AOI station is running. Stop it, then try again."
LangString Running ${LANG_SIMPCHINESE} "AOI 检测站正在运行。请先停止,然后重试。"
LangString Need64 ${LANG_ENGLISH} "The AOI station needs a 64-bit Windows 10 or later."
LangString Need64 ${LANG_SIMPCHINESE} "AOI 检测站需要 64 位 Windows 10 或更高版本。"

; A program file that is in use cannot be opened for writing: so a running station is found without a process list
!macro RefuseWhileRunning
  IfFileExists "$INSTDIR\aoi.exe" 0 free_to_go
  ClearErrors
  FileOpen $0 "$INSTDIR\aoi.exe" a
  IfErrors 0 close_it
    MessageBox MB_ICONSTOP|MB_OK "$(Running)" /SD IDOK
    SetErrorLevel 2
    Abort
  close_it:
    FileClose $0
  free_to_go:
!macroend

Function .onInit
  ${IfNot} ${RunningX64}
    MessageBox MB_ICONSTOP|MB_OK "$(Need64)" /SD IDOK
    SetErrorLevel 2
    Abort
  ${EndIf}
  SetRegView 64
  ReadRegStr $0 HKLM "Software\AOI Station" "Folder"
  StrCmp $0 "" +2
    StrCpy $INSTDIR $0
FunctionEnd

Section "AOI Station"
  SetShellVarContext all
  !insertmacro RefuseWhileRunning
  ; libraries of an earlier version must not stay beside the new ones
  RMDir /r "$INSTDIR\_internal"
  SetOutPath "$INSTDIR"
  File /r "${PAYLOAD}/*.*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortCut "$SMPROGRAMS\AOI Station.lnk" "$INSTDIR\aoi.exe"
  WriteRegStr HKLM "Software\AOI Station" "Folder" "$INSTDIR"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayName" "AOI Station"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKLM "${UNINSTALL}" "DisplayIcon" "$INSTDIR\aoi.exe"
  WriteRegStr HKLM "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKLM "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKLM "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKLM "${UNINSTALL}" "NoRepair" 1
SectionEnd

Function un.onInit
  SetRegView 64
FunctionEnd

Section "Uninstall"
  SetShellVarContext all
  !insertmacro RefuseWhileRunning
  RMDir /r "$INSTDIR\_internal"
  Delete "$INSTDIR\aoi.exe"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\AOI Station.lnk"
  DeleteRegKey HKLM "${UNINSTALL}"
  DeleteRegKey HKLM "Software\AOI Station"
SectionEnd
