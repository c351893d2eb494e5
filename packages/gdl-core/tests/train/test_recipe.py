"""Recipes, overrides, and what is said about a wrong one."""

import pytest

pytest.importorskip("jsonargparse")

from gdl_core.errors import UnknownNameError
from gdl_core.train import ConfigError, read_recipe
from gdl_core.train.build import build_model, build_source, check

pytestmark = pytest.mark.usefixtures("folder")


def recipe(*options):
    return check(read_recipe("waves.yaml").override(options).config)


def test_defaults_are_written_out_as_plain_values():
    config = recipe()
    assert config["model"] == {
        "class_path": "waves.Net",
        "init_args": {"width": 4, "outputs": 3, "channels": 1, "dropout": 0.0},
    }
    assert config["optimizer"]["init_args"]["amsgrad"] is False
    assert config["loader"] == {"batch_size": 16, "valid_fraction": 0.2, "workers": 0}
    assert config["seed"] == 3
    assert check(config) == config  # what is stored can be run again


def test_options_override_anything_and_strings_become_the_annotated_type():
    config = recipe(
        "--model.width", "7", "--model.init_args.dropout=0.5", "--trainer.compile", "--seed", "9",
        "--data.noise", "1e-2", "--loader.batch_size", "8", "--trainer.patience", "null",
    )  # fmt: skip
    assert (config["model"]["init_args"]["width"], config["model"]["init_args"]["dropout"]) == (7, 0.5)
    assert (config["trainer"]["compile"], config["trainer"]["patience"]) == (True, None)
    assert (config["seed"], config["data"]["init_args"]["noise"], config["loader"]["batch_size"]) == (9, 0.01, 8)


def test_another_class_drops_the_arguments_of_the_one_before():
    config = recipe("--model", "waves.make_net", "--model.hidden", "5")
    assert config["model"] == {"class_path": "waves.make_net", "init_args": {"hidden": 5, "outputs": 3}}
    assert build_model(config)[1].out_features == 5
    assert recipe("--model", "waves.Net")["model"]["init_args"]["width"] == 4


def test_an_argument_may_be_an_object_of_its_own():
    config = recipe(
        "--model", "waves.Wrapped", "--model.inner.class_path", "waves.Net", "--model.inner.init_args.width", "2"
    )
    assert build_model(config).inner[0].out_channels == 2


def test_an_object_inside_an_object_is_chosen_by_its_name_and_its_arguments_need_no_init_args():
    wrapped = ("--model", "waves.Wrapped", "--model.inner.class_path", "waves.Net", "--model.inner.width", "2")
    assert recipe(*wrapped)["model"]["init_args"]["inner"]["init_args"]["width"] == 2
    assert recipe(*wrapped, "--model.inner", "waves.Net")["model"]["init_args"]["inner"]["init_args"]["width"] == 2
    for option in ("--model.inner", "--model.inner.class_path"):  # another class drops the arguments, as outside
        other = recipe(*wrapped, option, "waves.make_net", "--model.inner.hidden", "5")["model"]["init_args"]["inner"]
        assert other == {"class_path": "waves.make_net", "init_args": {"hidden": 5, "outputs": 3}}
    late = ("--model", "waves.Wrapped", "--model.inner.init_args.width", "2", "--model.inner.class_path", "waves.Net")
    assert recipe(*late)["model"]["init_args"]["inner"]["init_args"]["width"] == 2
    with pytest.raises(ConfigError, match=r"--model\.width\.deep: width is 4, which has no options of its own"):
        recipe("--model.width.deep", "2")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.inner.init_args.widht", "2"], ["--model.inner.widht", "Did you mean 'width'"]),
        (["--model.inner.init_args.width", "x"], ["--model.inner.width: expected int, got 'x'"]),
        (["--model.inner.init_args.width", "-1"], ["--model.inner: waves.Net cannot be built"]),
        (["--model.inner.class_path", "waves.Nett"], ["model.inner: waves has no 'Nett'"]),
    ],
)
def test_an_error_in_an_object_inside_an_object_names_the_whole_way(options, words):
    with pytest.raises(ConfigError) as caught:
        recipe("--model", "waves.Wrapped", "--model.inner.class_path", "waves.Net", *options)
    for word in words:
        assert word in str(caught.value)


def test_a_scheduler_without_a_length_is_stretched_over_the_run_and_null_removes_it():
    name = "torch.optim.lr_scheduler.CosineAnnealingLR"
    assert "T_max" not in recipe("--scheduler", name)["scheduler"]["init_args"]
    assert recipe("--scheduler", name, "--scheduler.T_max", "5")["scheduler"]["init_args"]["T_max"] == 5
    assert "scheduler" not in recipe("--scheduler", name, "--scheduler", "null")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model.widht", "3"], ["--model.widht", "Net", "Did you mean 'width'"]),
        (["--modle.width", "3"], ["--modle.width", "Did you mean 'model'"]),
        (["--trainer.max_epoch", "3"], ["--trainer.max_epoch", "Did you mean 'max_epochs'"]),
        (["--model.width", "many"], ["--model.width", "expected int", "'many'"]),
        (["--task.kind", "guess"], ["--task.kind", "classification", "guess"]),
        (["--seed", "x"], ["--seed", "expected int", "'x'"]),
        (["--seed.value", "1"], ["the seed is one number"]),
        (["--loader.batch_size", "0"], ["--loader.batch_size", "at least 1", "got 0"]),
        (["--loader.valid_fraction", "1"], ["[0, 1)", "got 1"]),
        (["--trainer", "3"], ["--trainer", "--trainer.NAME 3"]),
        (["--model", "waves.Nett"], ["waves has no 'Nett'", "Did you mean 'Net'"]),
        (["--model", "no_such_module.Net"], ["there is no module 'no_such_module'"]),
        (["--model", "Net"], ["dotted path", "'Net'"]),
        (["--model", "waves.NOT_CALLABLE"], ["is a int, expected a class or a function"]),
        (["--model", "waves.make_net"], ["--model.hidden is missing"]),
        (["--scheduler.gamma", "1"], ["has no scheduler", "--scheduler NAME"]),
        (["max_epochs", "3"], ["expected an option", "'max_epochs'"]),
    ],
)  # fmt: skip
def test_a_wrong_option_is_one_sentence_with_its_name_and_what_was_expected(options, words):
    with pytest.raises(ConfigError) as caught:
        recipe(*options)
    for word in words:
        assert word in str(caught.value)


def test_objects_of_another_kind_are_refused():
    with pytest.raises(ConfigError, match=r"expected waves\.no_network to return a Module, got int"):
        build_model(recipe("--model", "waves.no_network"))
    with pytest.raises(ConfigError, match=r"expected waves\.NotASource to return a Source, got NotASource"):
        build_source(recipe("--data", "waves.NotASource"))
    with pytest.raises(ConfigError, match=r"model: waves\.Net cannot be built: .*negative"):
        build_model(recipe("--model.width", "-1"))


def test_an_unknown_component_or_recipe_names_what_was_sought():
    with pytest.raises(UnknownNameError, match="waves/net"):
        recipe("--model", "waves/net")
    with pytest.raises(UnknownNameError, match="waves/digits"):
        read_recipe("waves/digits")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: [", "is not YAML"),
        ("- 1", "expected sections"),
        ("modle: waves.Net", "no section 'modle'. Did you mean 'model'"),
        ("model: waves.Net\noptimizer: torch.optim.SGD", "the section 'data' is missing"),
        ("model: {width: 3}", "takes class_path and init_args, got width"),
        ("trainer: 3", "expected the options of 'trainer', got 3"),
    ],
)
def test_a_broken_file_is_told_with_its_name(folder, text, words):
    (folder / "own.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"own\.yaml") as caught:
        read_recipe("own.yaml")
    assert words in str(caught.value)


def test_an_absent_file_is_named():
    with pytest.raises(ConfigError, match=r"no recipe file 'absent\.yaml'"):
        read_recipe("absent.yaml")
