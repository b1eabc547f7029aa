"""The step that puts Tabler, uPlot and the icons into place."""

import pytest

from scripts import build_static


def test_an_icon_that_tabler_does_not_have_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(build_static, "MODULES", tmp_path)
    with pytest.raises(build_static.CannotBuild, match="no-such-icon"):
        build_static.sprite(["no-such-icon"])


def test_the_sprite_holds_each_icon_without_its_bounds(tmp_path, monkeypatch):
    folder = tmp_path / "@tabler/icons/icons/outline"
    folder.mkdir(parents=True)
    (folder / "x.svg").write_text(
        f'<svg\n  width="24"\n>\n  {build_static.BOUNDS}\n  <path d="M18 6l-12 12" />\n</svg>'
    )
    monkeypatch.setattr(build_static, "MODULES", tmp_path)
    sprite = build_static.sprite(["x"])
    assert '<symbol id="x" viewBox="0 0 24 24"><path d="M18 6l-12 12" /></symbol>' in sprite


@pytest.mark.parametrize("comment", [b"/*# sourceMappingURL=a.css.map */", b"//# sourceMappingURL=a.js.map"])
def test_a_pointer_to_a_source_map_is_cut_off(comment):
    assert build_static.SOURCE_MAP.sub(b"\n", b"a{}\n" + comment) == b"a{}\n"


def test_it_builds_again_when_what_it_is_made_of_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(build_static, "VENDOR", tmp_path)
    assert not build_static.is_current()
    (tmp_path / build_static.STAMP).write_text(build_static.wanted_stamp())
    assert build_static.is_current()
    icons = tmp_path / "icons.txt"
    icons.write_text("home\n")
    monkeypatch.setattr(build_static, "ICONS", icons)
    assert not build_static.is_current()


def test_without_node_the_python_package_brings_it(monkeypatch):
    monkeypatch.setattr(build_static.shutil, "which", lambda name: None)
    command, environment = build_static.find_npm()
    assert command[0].startswith(environment["PATH"].split(":")[0])
    finished = build_static.subprocess.run(
        [*command, "--version"], env=environment, capture_output=True, text=True, check=True
    )
    assert finished.stdout[0].isdigit()
