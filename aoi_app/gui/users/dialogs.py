"""Logging in, and the list of people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.gui.background import Background, Callback
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.settings.form import Form
from aoi_app.gui.texts import message, say, tr
from aoi_app.gui.users.session import AccountBook, Session
from aoi_app.storage.accounts import Account, Role


class _Asking(QDialog):
    """A form with a place for what went wrong; asks the accounts in a worker thread, because hashing takes time."""

    def __init__(self, title: str, book: Callable[[], AccountBook], parent: QWidget) -> None:
        super().__init__(parent)
        say(self, "setWindowTitle", title)
        self._book = book
        self.background = Background(self, "accounts")
        self.form = Form(self)
        self.problem = QLabel(self)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.buttons = QDialogButtonBox(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 14)
        layout.addWidget(self.form)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(460)

    def add_button(self, text: str, role: QDialogButtonBox.ButtonRole, slot: Callable[[], object]) -> QPushButton:
        """Add a button."""
        button = self.buttons.addButton(tr(text), role)
        say(button, "setText", text)
        button.clicked.connect(slot)
        return button

    def ask(self, work: Callable[[AccountBook], object], then: Callback) -> None:
        """Ask the accounts; say what they refuse."""
        self.buttons.setEnabled(False)
        self.background.run(
            "ask", lambda: work(self._book()), lambda answer: self._answered(then, answer), self._failed
        )

    def _answered(self, then: Callback, answer: Any) -> None:
        self.buttons.setEnabled(True)
        self.problem.hide()
        then(answer)

    def _failed(self, error: Exception) -> None:
        self.buttons.setEnabled(True)
        if not isinstance(error, AoiError):
            raise error
        self.problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
        self.problem.show()
        layout = self.layout()
        if layout is not None:
            # The rows above keep their height.
            self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))

    def done(self, result: int) -> None:
        """Wait for what was asked, then close."""
        self.background.close()
        super().done(result)


def _secret(parent: QWidget) -> QLineEdit:
    field = QLineEdit(parent)
    field.setEchoMode(QLineEdit.EchoMode.Password)
    return field


class LogInDialog(_Asking):
    """Name and PIN; the first time, the name and PIN of the first administrator."""

    def __init__(self, session: Session, book: Callable[[], AccountBook], parent: QWidget) -> None:
        self.first = session.open_to_all
        super().__init__("Name the administrator" if self.first else "Log in", book, parent)
        self._session = session
        self.name = QComboBox(self)
        self.name.setEditable(self.first)
        self.name.addItems([person.name for person in session.people if person.active])
        self.secret = _secret(self)
        self.form.add("Name", self.name)
        self.form.add("PIN or password", self.secret)
        self.again = _secret(self)
        self.again.setVisible(self.first)
        if self.first:
            # Nobody else could give another one to who mistyped it.
            self.form.add("Once more", self.again)
            note = self.form.note()
            say(note, "setText", "From then on people log in; until then everybody may do everything.")
            self.form.column.addWidget(note)
        roles = QDialogButtonBox.ButtonRole
        self.add_button("OK", roles.AcceptRole, self._on_ok).setDefault(True)
        self.add_button("Cancel", roles.RejectRole, self.reject)

    def _on_ok(self) -> None:
        name, secret = self.name.currentText(), self.secret.text()
        if self.first and secret != self.again.text():
            self._failed(AoiError("The two entries differ.", "Type the PIN or password twice."))
        elif self.first:
            self.ask(lambda book: (book.create_first(name, secret), book.all()), self._let_in)
        else:
            self.ask(lambda book: (book.log_in(name, secret), book.all()), self._let_in)

    def _let_in(self, answer: tuple[Account, tuple[Account, ...]]) -> None:
        account, people = answer
        self._session.know(people)
        self._session.take(account)
        self.accept()

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        self.secret.clear()
        self.again.clear()
        self.secret.setFocus()


class PeopleDialog(_Asking):
    """Makes accounts, changes roles and PINs, closes accounts. They are never deleted: the record names them."""

    def __init__(self, session: Session, book: Callable[[], AccountBook], parent: QWidget) -> None:
        super().__init__("Users", book, parent)
        self._session = session
        self.people = QListWidget(self)
        say(self.people, "setAccessibleName", "Users")
        self.name = QLineEdit(self)
        self.role = QComboBox(self)
        self.secret = _secret(self)
        self.form.column.insertWidget(0, self.people)
        self.form.add("Name", self.name)
        self.form.add("Role", self.role)
        self.form.add("PIN or password", self.secret)
        row = QHBoxLayout()
        for text, slot in (
            ("Add", self._on_add),
            ("Change role", self._on_role),
            ("Change PIN", self._on_secret),
            ("Close account", self._on_active),
        ):
            button = QPushButton(self)
            button.setAutoDefault(False)
            say(button, "setText", text)
            button.clicked.connect(slot)
            row.addWidget(button)
        self.active = button
        self.name.textChanged.connect(lambda _: self._name_button())
        self.form.column.addLayout(row)
        self.add_button("Close", QDialogButtonBox.ButtonRole.RejectRole, self.reject)
        self.people.currentRowChanged.connect(self._on_chosen)
        resize_to_fit(self, 560, 560, room_of(self))
        self.retranslate()

    def retranslate(self) -> None:
        """Write roles and people anew."""
        chosen = max(self.role.currentIndex(), 0)
        self.role.clear()
        for role in Role:
            self.role.addItem(tr(role.value), role)
        self.role.setCurrentIndex(chosen)
        # Silent: the fields hold what the person is about to do, to somebody else perhaps.
        self.people.blockSignals(True)
        row = self.people.currentRow()
        self.people.clear()
        for person in self._session.people:
            closed = "" if person.active else f"    ({tr('closed')})"
            self.people.addItem(f"{person.name}    {tr(person.role.value)}{closed}")
        self.people.setCurrentRow(row)
        self.people.blockSignals(False)
        self._name_button()

    def _name_button(self) -> None:
        """Say what the last button would do to the person who is named."""
        say(self.active, "setText", "Close account" if self._is_active(self.name.text()) else "Open account")

    def _is_active(self, name: str) -> bool:
        return next((p.active for p in self._session.people if p.name == name), True)

    def _on_chosen(self, row: int) -> None:
        if 0 <= row < len(self._session.people):
            person = self._session.people[row]
            self.name.setText(person.name)
            self.role.setCurrentIndex(list(Role).index(person.role))

    def _change(self, work: Callable[[AccountBook, Account], object]) -> None:
        by = self._session.account
        if by is None:
            return

        def changed(book: AccountBook) -> tuple[Account, ...]:
            work(book, by)
            return book.all()

        self.ask(changed, self._on_changed)

    def _on_changed(self, people: tuple[Account, ...]) -> None:
        self.secret.clear()
        self._session.know(people)
        self.retranslate()

    def _on_add(self) -> None:
        name, secret, role = self.name.text(), self.secret.text(), self.role.currentData()
        self._change(lambda book, by: book.create(by, name, secret, Role(role)))

    def _on_role(self) -> None:
        name, role = self.name.text(), self.role.currentData()
        self._change(lambda book, by: book.change_role(by, name, Role(role)))

    def _on_secret(self) -> None:
        name, secret = self.name.text(), self.secret.text()
        self._change(lambda book, by: book.change_secret(by, name, secret))

    def _on_active(self) -> None:
        name = self.name.text()
        active = self._is_active(name)
        self._change(lambda book, by: book.set_active(by, name, not active))
