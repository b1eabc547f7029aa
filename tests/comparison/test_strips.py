"""Modules as a grid of layers and kinds."""

from finetune_app.comparison.deltas import Deltas, Likeness, VersionDelta
from finetune_app.comparison.strips import cosine_matrix, likeness_grids, norm_grids

MODULES = [
    "model.layers.0.self_attn.q_proj",
    "model.layers.10.self_attn.q_proj",
    "model.layers.2.mlp.experts.0.up_proj",
    "model.layers.2.mlp.experts.1.up_proj",
    "lm_head",
]


def found(*norms, pairs=()):
    return Deltas(
        modules=MODULES, versions=[VersionDelta(norm=1.0, norms=list(one)) for one in norms], pairs=list(pairs)
    )


def test_layers_are_in_the_order_of_their_numbers_and_experts_share_a_place():
    grid = norm_grids(found([1.0, 2.0, 3.0, 4.0, None]))[0]
    assert grid.layers == ["", "0", "2", "10"]
    rows = {row.kind: [cell.text for cell in row.cells] for row in grid.rows}
    assert rows == {"q_proj": ["", "1", "", "2"], "up_proj": ["", "", "5", ""], "lm_head": ["", "", "", ""]}


def test_all_versions_are_shaded_on_one_scale():
    weak, strong = norm_grids(found([1.0, None, None, None, None], [4.0, None, None, None, None]))
    assert [grid.rows[0].cells[1].look for grid in (weak, strong)] == ["p5", "p20"]


def test_a_version_that_could_not_be_measured_has_no_grid():
    deltas = Deltas(modules=MODULES, versions=[VersionDelta(problem="It is no LoRA.")], pairs=[])
    assert norm_grids(deltas) == [None]


def test_cosines_have_a_sign_and_the_matrix_is_whole():
    pair = Likeness(first=0, second=1, cosine=-0.5, cosines=[-1.0, None, 1.0, 0.0, None])
    deltas = found([1.0] * 5, [1.0] * 5, pairs=[pair])
    [(place, grid)] = likeness_grids(deltas)
    assert place == 1
    assert [grid.rows[0].cells[1].look, grid.rows[0].cells[3].look] == ["n20", "none"]
    assert grid.rows[1].cells[2].text == "0.5"
    assert [[cell.text for cell in row] for row in cosine_matrix(deltas)] == [["1", "-0.500"], ["-0.500", "1"]]


def test_two_towers_keep_their_layers_apart():
    modules = ["visual.blocks.0.mlp.up", "language.layers.0.mlp.up"]
    grid = norm_grids(Deltas(modules=modules, versions=[VersionDelta(norm=1.0, norms=[1.0, 2.0])], pairs=[]))[0]
    assert [row.kind for row in grid.rows] == ["visual.blocks.mlp.up", "language.layers.mlp.up"]
