"""Pictures: the right points, in the right colours; the right arrows, with the right weights."""

import pytest
import torch
from gdl_core.errors import GdlError
from gdl_graphs import Graph
from gdl_graphs.layers.message_passing import Attentional

pytest.importorskip("lightning")
pytest.importorskip("matplotlib")

from gdl_core.cli.main import main
from gdl_core.geometry import Blueprint
from gdl_core.train import train
from gdl_graphs.commands.attention import around, edge_weights
from gdl_graphs.commands.embed import run as embed
from gdl_graphs.commands.trained import Trained, last_layer, load_trained, seen_by
from gdl_graphs.layers.gcn import GCNConv
from gdl_graphs.visual.attention import draw_weights, layout
from gdl_graphs.visual.embedding import draw_classes, principal_plane, project
from gdl_graphs.visual.figure import COLOURS, save_figure
from matplotlib.colors import to_hex


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("karate")
    return train("graphs/karate", ["--trainer.progress", "none", "--trainer.max_epochs", "5"], folder)


def is_picture(path):
    return path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


def test_principal_components_are_the_directions_of_largest_variance():
    torch.manual_seed(0)
    plane = torch.randn(50, 2, dtype=torch.float64) * torch.tensor([5.0, 1.0])
    turn, _ = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))
    points = principal_plane(plane @ turn[:2] + 3.0)
    centred = plane - plane.mean(0)
    torch.testing.assert_close(torch.cdist(points, points), torch.cdist(centred, centred))
    assert points.var(0)[0] > points.var(0)[1]
    torch.testing.assert_close((points.T @ points)[0, 1], torch.tensor(0.0, dtype=torch.float64), atol=1e-9, rtol=0)
    assert torch.equal(principal_plane(torch.ones(4, 1)), torch.zeros(4, 2, dtype=torch.float64))


def test_t_sne_keeps_two_heaps_apart_and_repeats():
    torch.manual_seed(0)
    heaps = torch.randn(40, 5) + 20.0 * (torch.arange(40) < 20)[:, None]
    points = project(heaps, "tsne")
    near = torch.cdist(points, points)
    near.fill_diagonal_(float("inf"))
    assert ((near.argmin(1) < 20) == (torch.arange(40) < 20)).all()
    assert torch.equal(points, project(heaps, "tsne"))
    with pytest.raises(GdlError, match="pca or tsne"):
        project(heaps, "umap")


def test_points_are_drawn_in_the_colour_of_their_class():
    points = torch.arange(10.0, dtype=torch.float64).reshape(5, 2)
    labels = torch.tensor([1, 0, -1, 1, 0])
    (panel,) = draw_classes(points, labels, ["left", "right"]).axes
    drawn = {item.get_label(): item for item in panel.collections}
    assert set(drawn) == {"no class", "left", "right"}
    for label, name, colour in ((-1, "no class", "#cccccc"), (0, "left", COLOURS[0]), (1, "right", COLOURS[1])):
        assert drawn[name].get_offsets().tolist() == points[labels == label].tolist()
        assert to_hex(drawn[name].get_facecolor()[0]) == colour


def test_arrows_go_from_sender_to_receiver_and_the_heaviest_is_widest():
    graph = Graph.from_edges([0, 1, 2, 2], [1, 2, 0, 2], 3)
    weight = torch.zeros(4)
    weight[graph.incidence.from_given(torch.arange(4)) == 1] = 0.9  # the edge 1 → 2
    weight[graph.incidence.from_given(torch.arange(4)) == 3] = 0.45  # the loop at 2
    panel, _ = draw_weights(graph, weight, torch.tensor([0, 1, -1])).axes
    arrows = {arrow.get_gid(): arrow for arrow in panel.patches}
    assert set(arrows) == {"0-1", "1-2", "2-0"}
    assert max(arrows, key=lambda name: arrows[name].get_linewidth()) == "1-2"
    places = layout(graph)
    assert [tuple(place) for place in places[[1, 2]].tolist()] == list(arrows["1-2"]._posA_posB)
    (nodes,) = panel.collections
    assert nodes.get_offsets().tolist() == places.tolist()
    assert nodes.get_sizes().tolist() == [30.0, 30.0, 90.0]
    assert [to_hex(colour) for colour in nodes.get_facecolor()] == [COLOURS[0], COLOURS[1], "#cccccc"]


def test_the_weights_of_a_layer_are_those_that_it_aggregates_with():
    graph = Graph.from_edges([0, 1, 2, 2], [1, 2, 0, 1], 3).with_self_loops()
    network = Blueprint([GCNConv(2, 3), torch.nn.ReLU(), GCNConv(3, 2)])
    trained = Trained(None, network.eval(), torch.randn(3, 2), graph, torch.zeros(3), ())
    weight = edge_weights(trained, "parts.2")
    degree = graph.degree().float()
    sender, receiver = graph.edge_index()
    torch.testing.assert_close(weight, (degree[sender] * degree[receiver]).rsqrt())
    assert last_layer(trained) == "parts.2"
    (hidden, _), output = seen_by(trained, network.parts[2])
    torch.testing.assert_close(network.parts[2](hidden, graph), output)


class TwoHeads(Attentional):
    """Sums with the weights 1 and 3."""

    def attention(self, x, graph):
        return torch.tensor([[1.0, 3.0]]).expand(graph.num_edges, 2)

    def transform(self, x):
        return x.reshape(len(x), 2, -1)

    def update(self, x, messages):
        return messages.flatten(1)


def test_heads_are_averaged_or_chosen():
    graph = Graph.from_edges([0, 1], [1, 0], 2)
    network = Blueprint([TwoHeads(4, 4)])
    trained = Trained(None, network, torch.randn(2, 4), graph, torch.zeros(2), ())
    assert edge_weights(trained, "parts.0").tolist() == [2.0, 2.0]
    assert edge_weights(trained, "parts.0", 1).tolist() == [3.0, 3.0]
    with pytest.raises(GdlError, match="the heads 0 to 1, got 2"):
        edge_weights(trained, "parts.0", 2)


def test_a_neighbourhood_is_what_a_node_hears_of_in_two_steps():
    path = Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 4], 5)
    assert around(path, 3).tolist() == [False, True, True, True, False]
    with pytest.raises(GdlError, match="nodes 0 to 4, got 5"):
        around(path, 5)


def test_commands_write_pictures(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["embed", str(run.checkpoint), "--method", "pca", "--output", "a.png"]) == 0
    assert main(["embed", str(run.folder), "--layer", "parts.1", "--output", "b.png"]) == 0
    assert main(["attention", str(run.checkpoint)]) == 0
    assert main(["attention", str(run.checkpoint), "--node", "16", "--layer", "parts.4", "--output", "c.png"]) == 0
    assert all(is_picture(tmp_path / name) for name in ("a.png", "b.png", "attention.png", "c.png"))
    assert capsys.readouterr().out.splitlines()[0] == "picture  a.png"


def test_a_network_for_whole_graphs_is_drawn_on_the_example_that_it_keeps(tmp_path, small_data, monkeypatch):
    small_data.write_tu(tmp_path)
    options = [
        "--data.root",
        str(tmp_path),
        "--model.in_type",
        "3",
        "--model.hidden",
        "8",
        "--trainer.progress",
        "none",
    ]
    run = train("graphs/tu", [*options, "--trainer.max_epochs", "1"], tmp_path)
    drawn = []
    monkeypatch.setattr("gdl_graphs.commands.embed.save_figure", lambda figure, path: drawn.append(figure))
    assert embed([str(run.checkpoint), "--method", "pca"]) == 0
    (nodes,) = drawn[0].axes[0].collections
    assert nodes.get_label() == "no class" and len(nodes.get_offsets()) > 10
    assert "before blocks.3" in drawn[0].axes[0].get_title()


def test_the_attention_of_a_trained_network_sums_to_one_at_every_receiver(tmp_path, monkeypatch):
    options = ["--model", "graphs/gat", "--model.in_channels", "34", "--model.classes", "2"]
    run = train("graphs/karate", [*options, "--trainer.progress", "none", "--trainer.max_epochs", "5"], tmp_path)

    class Options:
        checkpoint, root = str(run.checkpoint), None

    trained = load_trained(Options)
    for head in (None, 7):
        total = torch.zeros(34).index_add(0, trained.graph.edge_index()[1], edge_weights(trained, "parts.1", head))
        torch.testing.assert_close(total, torch.ones(34))
    assert main(["attention", str(run.checkpoint), "--head", "0", "--output", str(tmp_path / "gat.png")]) == 0
    assert is_picture(tmp_path / "gat.png")


def test_the_picture_of_a_checkpoint_has_a_point_for_each_node_at_its_hidden_features(run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("gdl_graphs.commands.embed.save_figure", lambda figure, path: drawn.append(figure))
    assert embed([str(run.checkpoint), "--method", "pca"]) == 0
    (panel,) = drawn[0].axes
    points = {item.get_label(): torch.tensor(item.get_offsets().tolist()) for item in panel.collections}

    class Options:
        checkpoint, root = str(run.checkpoint), None

    trained = load_trained(Options)
    first = trained.network.parts[1](trained.x, trained.graph).relu()
    expected = principal_plane(first.detach())
    for label, name in enumerate(("Mr. Hi", "Officer")):
        torch.testing.assert_close(points[name].double(), expected[trained.labels == label], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["embed", "absent.ckpt"], "no checkpoint absent.ckpt"),
        (["attention", "{run}", "--layer", "part.1"], "Did you mean 'parts.1'"),
        (["attention", "{run}", "--layer", "parts.2"], "is a Pointwise, which has no weight for each edge"),
        (["attention", "{run}", "--node", "34"], "nodes 0 to 33, got 34"),
        (["embed", "{run}", "--method", "pca", "--output", "a.jpgg"], "A picture is written as"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(run, argv, words, capsys):
    assert main([word.format(run=run.checkpoint) for word in argv]) == 2
    assert words in capsys.readouterr().err


def test_a_picture_replaces_the_old_one_in_one_move(tmp_path):
    figure = draw_classes(torch.zeros(1, 2, dtype=torch.float64), torch.zeros(1).long(), ["a"])
    (tmp_path / "a.png").write_text("old")
    assert is_picture(save_figure(figure, tmp_path / "a.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
