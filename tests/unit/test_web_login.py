"""Coming in: by password, by a code of Airflow's, and what keeps everybody else out."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from fastapi import FastAPI

from dicomdex import handover
from dicomdex.errors import SettingsError
from dicomdex_web.session import COOKIE, Role
from dicomdex_web.throttle import OF_PAIR, WINDOW, Throttle
from dicomdex_web.users import Users
from tests.unit.web import PASSWORD, client, csrf, page, trail

# What the login page itself needs; everything else asks who one is.
OPEN = {("POST", "/login"), ("GET", "/enter"), ("GET", "/static/{name}")}


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return page(tmp_path)


def _routes(app: FastAPI) -> set[tuple[str, str]]:
    return {(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}}  # type: ignore[attr-defined]


def test_every_route_but_those_of_the_login_wants_a_login(app: FastAPI) -> None:
    asked = _routes(app)
    assert asked > OPEN
    browser = client(app)
    for method, path in sorted(asked - OPEN):
        answer = browser.request(method, path)
        assert (method, path, answer.status_code) == (method, path, 401)
        assert 'action="/login"' in answer.text


def test_who_is_no_operator_gets_403_on_every_operation(app: FastAPI) -> None:
    asked = {(method, path) for method, path in _routes(app) if path.startswith("/operations")}
    assert len(asked) >= 4
    for name in ("viewer", "user"):
        browser = client(app, name)
        token = csrf(browser)
        for method, path in asked:
            answer = browser.request(method, path, headers={"X-CSRF-Token": token}, data={"action": "rebuild"})
            assert (method, path, answer.status_code) == (method, path, 403)
        assert "/operations" not in browser.get("/").text


def test_a_change_without_the_token_of_the_session_is_refused(app: FastAPI) -> None:
    browser, other = client(app, "admin"), client(app, "admin")
    for sent in ({}, {"csrf": ""}, {"csrf": csrf(other)}):
        assert browser.post("/logout", data=sent).status_code == 403
    assert browser.post("/logout", data={"csrf": csrf(browser)}).status_code == 303


def test_a_copy_of_the_cookie_is_worth_nothing_after_the_logout(app: FastAPI) -> None:
    browser, thief = client(app, "admin"), client(app)
    thief.cookies.set(COOKIE, browser.cookies[COOKIE])
    assert thief.get("/cart").status_code != 401
    browser.post("/logout", data={"csrf": csrf(browser)})
    assert thief.get("/cart").status_code == 401


def test_a_forged_cookie_is_nobodys(app: FastAPI) -> None:
    browser = client(app, "viewer")
    good = browser.cookies[COOKIE]
    for forged in (good[:-1], good[1:], "x", "", good.replace(".", "!", 1)):
        other = client(app)
        other.cookies.set(COOKIE, forged)
        assert other.get("/cart").status_code == 401


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(app: FastAPI) -> None:
    answer = client(app).post("/login", data={"name": "user", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_who_is_taken_out_or_given_another_role_is_out_at_once(tmp_path: Path, app: FastAPI) -> None:
    browser = client(app, "op")
    assert browser.get("/operations").status_code == 200
    app.state.people.users.put("op", Role.viewer, PASSWORD)
    assert browser.get("/operations").status_code == 401


def test_a_wrong_password_says_no_more_than_a_wrong_name(app: FastAPI) -> None:
    wrong = [("admin", "x"), ("nobody", PASSWORD), ("", ""), ("admin", "x" * 1_000)]
    answers = [client(app).post("/login", data={"name": name, "password": said}) for name, said in wrong]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def test_guessing_is_slowed_down_and_the_trail_knows(tmp_path: Path, app: FastAPI) -> None:
    browser = client(app)
    for _ in range(OF_PAIR):
        assert browser.post("/login", data={"name": "admin", "password": "guess"}).status_code == 401
    refused = browser.post("/login", data={"name": "admin", "password": PASSWORD})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) <= WINDOW + 1
    assert client(app).post("/login", data={"name": "user", "password": PASSWORD}).status_code == 303
    said = [line["outcome"] for line in trail(tmp_path)]
    assert said == ["refused"] * OF_PAIR + ["throttled", "ok"]
    assert "guess" not in str(trail(tmp_path))


def test_after_the_window_one_may_try_again() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(OF_PAIR):
        assert throttle.wait("anna", "10.0.0.1") == 0
        throttle.failed("anna", "10.0.0.1")
    assert throttle.wait("anna", "10.0.0.1") == WINDOW
    assert throttle.wait("anna", "10.0.0.2") == 0
    now[0] = WINDOW
    assert throttle.wait("anna", "10.0.0.1") == 0


def test_a_form_of_another_page_logs_nobody_in(app: FastAPI) -> None:
    said = {"name": "admin", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client(app).post("/login", data=said, headers=headers).status_code == 403
    assert client(app).post("/login", data=said, headers={"Origin": "http://testserver"}).status_code == 303


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/logout", "/x\r\nSet-Cookie: a=b", ""]
)
def test_after_the_login_one_never_lands_elsewhere(app: FastAPI, wanted: str) -> None:
    said = {"name": "admin", "password": PASSWORD, "wanted": wanted}
    assert client(app).post("/login", data=said).headers["location"] == "/"


def test_after_the_login_comes_what_was_wanted(app: FastAPI) -> None:
    refused = client(app).get("/?level=series&Modality=CT")
    assert 'value="/?level=series&amp;Modality=CT"' in refused.text
    said = {"name": "admin", "password": PASSWORD, "wanted": "/?level=series&Modality=CT"}
    assert client(app).post("/login", data=said).headers["location"] == "/?level=series&Modality=CT"


def test_users_and_keys_are_for_their_owner_alone(tmp_path: Path, app: FastAPI) -> None:
    for file in (tmp_path / "secrets").iterdir():
        assert (file.name, stat.S_IMODE(file.stat().st_mode)) == (file.name, 0o600)
    assert {file.name for file in (tmp_path / "secrets").iterdir()} >= {"web_session", "web_trail", "web_airflow"}


def test_the_first_start_makes_an_admin_and_a_viewer_with_passwords_of_their_own(tmp_path: Path) -> None:
    users = Users(tmp_path)
    made = json.loads((tmp_path / "web").read_text())
    assert {name: users.check(name, password) for name, password in made.items()} == {
        "admin": Role.admin, "viewer": Role.viewer}  # fmt: skip
    kept = users.path.read_text()
    assert kept.count("$argon2id$") == 2
    assert not [password for password in made.values() if password in kept]
    assert stat.S_IMODE((tmp_path / "web").stat().st_mode) == 0o600


def test_a_users_name_is_no_path_and_no_markup(tmp_path: Path) -> None:
    users = Users(tmp_path)
    for name in ("", "../x", "<b>", "a b", "x" * 65):
        with pytest.raises(SettingsError):
            users.put(name, Role.viewer, PASSWORD)


def test_a_users_file_that_can_not_be_read_lets_nobody_in(tmp_path: Path) -> None:
    users = Users(tmp_path)
    users.path.write_text('{"admin": {"role": "emperor"}}')
    with pytest.raises(SettingsError, match="users of the page"):
        users.check("admin", "x")


def _code(root: Path, role: str = "op", name: str = "anna") -> str:
    secret = (root / "secrets" / "web_airflow").read_text()
    return handover.mint(secret, name, role, {"sub": name})


def test_a_code_of_airflow_lets_its_user_in_once(tmp_path: Path, app: FastAPI) -> None:
    code, browser = _code(tmp_path), client(app)
    assert browser.get("/enter", params={"code": code}).status_code == 303
    assert browser.get("/operations").status_code == 200
    assert "anna" in browser.get("/operations").text
    assert client(app).get("/enter", params={"code": code}).status_code == 401
    assert [line["outcome"] for line in trail(tmp_path)] == ["ok by Airflow", "code refused"]


def test_a_code_that_is_none_lets_nobody_in(tmp_path: Path, app: FastAPI) -> None:
    good = _code(tmp_path)
    other = handover.mint("another secret", "anna", "admin", {})
    wrong = ["", "x", good[:-1], f"{good}x", other, _code(tmp_path, "emperor"), "x" * 10_000]
    for code in wrong:
        assert client(app).get("/enter", params={"code": code}).status_code == 401


def test_a_code_from_before_the_page_began_is_refused(tmp_path: Path) -> None:
    app = page(tmp_path)
    code = _code(tmp_path)
    app.state.people.handover._began += 2  # as if the page had been started two seconds after
    assert client(app).get("/enter", params={"code": code}).status_code == 401


def test_a_proof_is_not_a_code_and_a_code_no_proof() -> None:
    code = handover.mint("secret", "anna", "op", {"sub": "anna"})
    proof = handover.prove("secret", code)
    carried = handover.proved("secret", proof)
    assert carried is not None
    assert (carried.name, carried.role, carried.user) == ("anna", "op", {"sub": "anna"})
    assert handover.proved("secret", code) is None
    assert handover.read("secret", proof) is None
    assert handover.proved("other", proof) is None


def test_without_airflow_a_session_has_no_token_of_it(tmp_path: Path, app: FastAPI) -> None:
    browser = client(app)
    browser.get("/enter", params={"code": _code(tmp_path)})
    said = browser.get("/operations").text
    assert "DICOMDEX_WEB_AIRFLOW_URL" in said
    token = said.split('name="csrf" value="')[1].split('"')[0]
    answer = browser.post("/operations/start", data={"csrf": token, "action": "rebuild"})
    assert answer.status_code == 400
    assert "log in there" in answer.text
