"""The command line of the domain: train, measure, decode and export from a terminal.

Results go to stdout (`--json` for programs), progress and sentences to stderr. Exit code 0: done;
1: it failed; 2: it was asked for wrongly.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vae_core.errors import ConfigError, InputError, PlaygroundError

Arguments = argparse.Namespace


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser().parse_args(typed)
    parsed.typed = typed
    try:
        parsed.command(parsed)
    except (ConfigError, InputError) as error:
        print(error, file=sys.stderr)
        return 2
    except PlaygroundError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. What was finished is kept; `resume` goes on from there.", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()  # the reader has had enough; Python would complain while closing down
        return 0
    return 0


# --- the commands -----------------------------------------------------------------------------


def recipes(given: Arguments) -> None:
    """Lists the recipes."""
    from vae_core.recipes import RECIPES

    rows = [
        {
            "name": recipe.name,
            "summary": recipe.summary,
            "source": recipe.source,
            "differs": recipe.differs,
            "config": recipe.config.to_json(),
        }
        for recipe in RECIPES.values()
    ]
    _print(given, rows, (f"{row['name']:<18} {row['summary']}" for row in rows))


def train(given: Arguments) -> None:
    """Trains a recipe into a new run folder."""
    from vae_core import data, runs, training, worker
    from vae_core.recipes import recipe

    chosen = recipe(given.recipe)
    changes = {path: getattr(given, option) for option, path in _TRAIN_OPTIONS.items()}
    changes |= dict(map(_setting, given.set))
    config = chosen.config.replace(**{k: v for k, v in changes.items() if v is not None})
    if given.folder:
        folder = str(given.folder.absolute())
        config = config.replace(data__name=data.FOLDER, data__folder=folder)
    if given.size or given.channels:
        config = config.replace(
            data__size=config.model.image_size, data__channels=config.model.channels
        )
    # before a folder is made for the run
    training.check_shape(config, data.load(config.data, "train", download=given.download))
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = given.out or runs.runs_roots()[1] / f"{chosen.name}-{stamp}"
    runs.check_run_id(path.absolute().name)
    worker.create_run(
        path,
        config,
        recipe=chosen.name,
        differs=chosen.differs,
        name=given.name or "",
        device=given.device,
        threads=given.threads,
        command=worker.command_line(given.typed),
    )
    _train(given, path)


def sweep(given: Arguments) -> None:
    """Trains recipes with every combination of lists; started again, it goes on."""
    from vae_core import data, runs, sweeps, training, worker
    from vae_core.recipes import recipe

    changes = {path: getattr(given, option) for option, path in _SWEEP_OPTIONS.items()}
    changes = {path: value for path, value in changes.items() if value is not None}
    chosen = [recipe(name) for name in dict.fromkeys(given.recipe.split(","))]
    bases = [(one, one.config.replace(**changes)) for one in chosen]
    lists = {
        name: sweeps.read_list(name, text, f"--{name.replace('_', '-')}")
        for name in sweeps.VARIED
        if (text := getattr(given, name)) is not None
    }
    planned = sweeps.plan(bases, given.out or runs.runs_roots()[1], lists)
    for _, config in bases:
        training.check_shape(config, data.load(config.data, "train", download=given.download))
    options = {
        "device": given.device,
        "threads": given.threads,
        "command": worker.command_line(given.typed),
        "keep_all": given.moments == "all",
    }
    rows = []
    with (
        tqdm(total=len(planned), unit="run", file=sys.stderr, disable=None) as bar,
        _trained(given, planned, options) as finished,
    ):
        for one in finished:
            card = runs.read_card(one.path)
            held_out = card.metrics["held-out"]
            rows.append(
                {"run": str(one.path), **one.varied, **held_out, "seconds": card.seconds},
            )
            line = (
                f"{one.path.name}: held out recon {held_out['recon']:.2f} + "
                f"KL {held_out['kl']:.2f} nats, {card.seconds:.1f} s"
            )
            bar.write(line, file=sys.stderr)
            bar.update()
    _print(given, rows, [f"trained {len(rows)} runs"])


def seeds(given: Arguments) -> None:
    """Trains recipes with other seeds, measures them, and writes what changes and what stays."""
    from vae_core import data, files, runs, seed_table, sweeps, training, worker
    from vae_core.recipes import recipe

    folder, command = runs.runs_roots()[1].absolute(), worker.command_line(given.typed)
    shipped = [run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)]
    changes = {path: getattr(given, option) for option, path in _SWEEP_OPTIONS.items()}
    groups = []
    for chosen in map(recipe, given.recipes):
        config = chosen.config.replace(**{k: v for k, v in changes.items() if v is not None})
        training.check_shape(config, data.load(config.data, "train", download=given.download))
        found = []
        lists = {"seed": sweeps.read_list("seed", given.seed, "--seed")}
        for one in sweeps.plan([(chosen, config)], folder, lists):
            print(f"{one.path.name} ...", file=sys.stderr)
            for _ in sweeps.train(one, device=given.device, threads=given.threads, command=command):
                pass
            found.append(_measured(one.path, given.device))
        alike = sweeps.find_repeats([*found, *shipped], least=2)
        groups += [group for group in alike if any(run in group for run in found)]
    text = seed_table.page(groups, command=command)
    if given.out:
        files.write_bytes(given.out, text.encode())
    lines = [f"wrote {given.out}"] if given.out else [text.rstrip()]
    _print(given, {"runs": [[str(run.path) for run in group] for group in groups]}, lines)


@contextmanager
def _trained(
    given: Arguments, planned: Sequence[Any], options: dict[str, Any]
) -> Iterator[Iterator[Any]]:
    """Gives the runs of a sweep as they finish: one after the other here, or on the cluster."""
    from vae_core import cluster, sweeps
    from vae_core.supervisor import Supervisor

    def one_by_one() -> Iterator[Any]:
        for one in planned:
            for _ in sweeps.train(one, download=given.download, **options):
                pass
            yield one

    if not cluster.address():
        yield one_by_one()
        return
    supervisor = Supervisor(planned[0].path.parent)
    supervisor.connect()
    supervisor.start()
    try:
        yield sweeps.train_on_cluster(planned, **options)
    finally:
        supervisor.stop()


def resume(given: Arguments) -> None:
    """Goes on with a run that was interrupted."""
    from vae_core import pulse, worker

    path = _job_folder(given.run)
    with worker.locked(path):  # what is being trained has its own owner's wish
        pulse.forget_wish(path)
    _train(given, path)


def queue(given: Arguments) -> None:
    """Lists what trains and what waits; with --serve starts what waits, without the app."""
    from vae_core import jobs

    if given.serve:
        from vae_core.supervisor import Supervisor

        supervisor = Supervisor()
        supervisor.connect()
        supervisor.start()
        try:
            while True:
                time.sleep(1)
        finally:
            supervisor.stop()
    found = [job for job in jobs.jobs() if given.all or not job.over]
    lines = [_job_line(job) for job in found] or ["Nothing is being trained, and nothing waits."]
    _print(given, [_job_fields(job) for job in found], lines)


def watch(given: Arguments) -> None:
    """Follows a training until it is over; exit code 1 if it failed."""
    from vae_core import jobs, pulse

    path, said, clock = _job_folder(given.run), "", pulse.Watch()
    while True:
        job = jobs.find(path.name, path.parent) or jobs.job(path)  # which says what is wrong
        age = clock.age(path, "beat", pulse.read_beat(path))
        line = _job_line(job)
        if job.status == "running" and age > 3 * pulse.BEAT_S:
            line += "; no heartbeat for some seconds"
        if job.over or given.once:
            break
        if line != said and not given.json:
            print(line, flush=True)
        said = line
        time.sleep(1)
    _print(given, _job_fields(job), [line])
    if job.status == "failed":
        raise SystemExit(1)


def pause(given: Arguments) -> None:
    """Takes a training off its place; finished epochs stay, `resume` goes on."""
    from vae_core import jobs

    path = _job_folder(given.run)
    jobs.pause(path)
    _print(given, {"run": path.name, "wish": "paused"}, [f"{path.name} is to pause"])


def cancel(given: Arguments) -> None:
    """Ends a training; finished epochs stay, one that has not begun leaves nothing."""
    from vae_core import jobs

    path = _job_folder(given.run)
    jobs.stop(path)
    _print(given, {"run": path.name, "wish": "stopped"}, [f"{path.name} is to stop"])


def evaluate(given: Arguments) -> None:
    """Measures a run on a data set."""
    from vae_core import data
    from vae_core.evaluation import evaluate as measure

    session = _session(given)
    settings = _settings(session, given.data)
    images = data.load(settings, given.split, download=given.download)
    figures = measure(session, images, seed=given.seed)
    numbers = {key: round(value, 6) for key, value in asdict(figures).items()}
    if given.keep:
        _keep(session, images, given.split, {**numbers, "seed": given.seed})
    result = {
        "run": session.run.id,
        "data": settings.name,
        "split": given.split,
        "latent_dim": session.latent_dim,
        "seed": given.seed,
        **numbers,
    }
    line = (
        f"{session.run.id} on {settings.name}/{given.split}, n = {figures.n}: "
        f"recon {figures.recon:.2f} + KL {figures.kl:.2f} = {figures.total:.2f} nats per image; "
        f"MSE {figures.mse:.5f} per pixel"
    )
    _print(given, result, [line])


def encode(given: Arguments) -> None:
    """Encodes images of a data set, or picture files."""
    from vae_core import data

    session = _session(given)
    if given.images:
        x = np.stack([_picture(path, session.image_shape) for path in given.images])
        names: list[Any] = [str(path) for path in given.images]
    else:
        if given.data is None:
            images = _gallery(session)
        else:
            images = data.load(_settings(session, given.data), given.split)
        x, names = images.x[: given.limit], images.y[: given.limit].tolist()
    codes = session.encode(x)
    std = None if codes.std is None else codes.std.tolist()
    result = {"run": session.run.id, "labels": names, "mu": codes.mu.tolist(), "std": std}
    rows = (
        f"{name}\t" + "\t".join(f"{v:.5f}" for v in mu)
        for name, mu in zip(names, codes.mu, strict=True)
    )
    _print(given, result, rows)


def decode(given: Arguments) -> None:
    """Decodes codes that are typed."""
    from vae_core import exports, files

    session = _session(given)
    z = np.array([_numbers("--z", text, session.latent_dim) for text in given.z])
    images = session.decode(z)
    if given.out:
        files.write_bytes(
            given.out, exports.png_bytes(images, columns=len(images), scale=given.scale)
        )
    grey = images[:, 0] if images.shape[1] == 1 else images
    result = {"run": session.run.id, "z": z.tolist(), "images": grey.tolist()}
    lines = [f"wrote {given.out}"] if given.out else _drawn(images)
    _print(given, result, lines)


def export(given: Arguments) -> None:
    """Writes what a person takes away of a run: pictures, films, codes, networks, a notebook."""
    from vae_core import files

    session = _session(given)
    content = _export(given, session)
    path = given.out or Path(session.run.id + _EXPORTS[given.what])
    files.write_bytes(path, content)
    _print(
        given, {"run": session.run.id, "file": str(path), "bytes": len(content)}, [f"wrote {path}"]
    )


def list_runs(given: Arguments) -> None:
    """Lists the runs."""
    from vae_core import runs

    rows: list[dict[str, Any]] = []
    for run in runs.list_runs():
        if isinstance(run, runs.BrokenRun):
            rows.append({"run": run.id, "path": str(run.path), "error": str(run.error)})
            continue
        card = run.card
        rows.append(
            {
                "run": run.id,
                "path": str(run.path),
                "recipe": card.recipe,
                "family": card.config.model.family,
                "latent_dim": card.config.model.latent_dim,
                "epochs_done": card.epochs_done,
                "epochs": card.config.train.epochs,
                "metrics": card.metrics,
            }
        )
    _print(given, rows, (_run_line(row) for row in rows))


def data_sets(given: Arguments) -> None:
    """Lists the data sets and what of them is on this machine; fetches one with --download."""
    from vae_core import data

    if given.name:
        data.load(given.name, "train", download=given.download)
    rows = []
    for name, source in data.DATASETS.items():
        row = {"name": name, **_presence(name), "image_shape": list(source.image_shape)}
        about = {"citation": source.citation, "licence": source.licence}
        rows.append({**row, "class_names": list(source.class_names), **about})
    lines = []
    for row in rows:
        lines += [f"{row['name']:<16} {(row['present'] and 'here') or '-':<5} {row['detail']}"]
        lines += [f"{'':<22} {row['citation']}; licence: {row['licence']}"]
    _print(given, rows, lines)


def gallery(given: Arguments) -> None:
    """Writes the pictures that the screens show for a data set, as one PNG that travels.

    Beside it, a byte an image, their labels in the data set's own order, in which runs keep codes.
    """
    from vae_core import data, files

    held_out = data.load(given.name, "held-out")
    images = held_out.by_class()
    content = data.sheet_bytes(images, data.DATASETS[given.name])
    path = given.out or Path(f"{given.name}.png")
    files.write_bytes(path, content)
    files.write_bytes(path.with_suffix(".labels"), held_out.y.astype(np.uint8).tobytes())
    result = {"file": str(path), "bytes": len(content), "n": len(images), "digest": images.digest}
    _print(given, result, [f"wrote {path}: {len(images)} pictures, {len(content):,} bytes"])


def models(given: Arguments) -> None:
    """Writes the table of the runs that come with the project, from their cards."""
    from vae_core import files, model_table, runs

    shipped = [run for run in runs.list_runs(runs.SHIPPED) if isinstance(run, runs.Run)]
    text = model_table.page(shipped)
    if given.out:
        files.write_bytes(given.out, text.encode())
    lines = [f"wrote {given.out}"] if given.out else [text.rstrip()]
    _print(given, {"runs": [run.id for run in shipped], "text": text}, lines)


def doctor(given: Arguments) -> None:
    """Says what works on this machine, and what to type for what does not."""
    from vae_core.doctor import examine

    findings, lines = list(examine()), []
    for finding in findings:
        mark = "ok" if finding.ok else ("MISSING" if finding.needed else "-")
        lines.append(f"{mark:<8} {finding.name:<20} {finding.detail}")
        if finding.fix and not finding.ok:
            lines.append(f"{'':<29} type: {finding.fix}")
    _print(given, [asdict(finding) for finding in findings], lines)
    if not all(finding.ok for finding in findings if finding.needed):
        raise SystemExit(1)


# --- what they share --------------------------------------------------------------------------


def _train(given: Arguments, path: Path) -> None:
    from vae_core import runs, worker
    from vae_core.training import EpochEnd, Progress

    # None: a bar where a person looks on, whole lines where stderr is a file
    with tqdm(unit="step", file=sys.stderr, dynamic_ncols=True, disable=None) as bar:
        for event in worker.train_run(path, download=given.download):
            if isinstance(event, Progress):
                bar.total, bar.n = event.steps, event.step
                bar.set_description(f"epoch {event.epoch}", refresh=False)
                bar.refresh()
            elif isinstance(event, EpochEnd):
                bar.reset()
                held_out = event.held_out
                bar.write(
                    f"epoch {event.epoch}: held out {held_out.total:.2f} nats = "
                    f"recon {held_out.recon:.2f} + KL {held_out.kl:.2f}, {event.seconds:.1f} s",
                    file=sys.stderr,
                )
    card = runs.read_card(path)
    result = {
        "run": str(path),
        "epochs": card.epochs_done,
        "seconds": card.seconds,
        "weights_sha256": card.weights_sha256,
        **card.metrics["held-out"],
    }
    _print(given, result, [f"trained {path} in {card.seconds:.1f} s"])


def _job_folder(given: Path) -> Path:
    """Returns the folder of a job, which may be named by its run's id alone."""
    from vae_core import jobs

    by_id = jobs.root() / given
    return by_id if len(given.parts) == 1 and not given.exists() and by_id.is_dir() else given


def _keep(session: Any, images: Any, split: str, figures: dict[str, float]) -> None:
    """Writes what was measured on these images into the run's card, and a survey of its codes."""
    from vae_core import runs
    from vae_core.evaluation import survey

    card = session.run.card
    found = survey(session, _gallery(session), images, seed=int(figures["seed"]))
    kept = {**card.metrics, split: figures, "survey": found}
    runs.write_card(session.run.path, card.model_copy(update={"metrics": kept}))


def _measured(path: Path, device: str) -> Any:
    """Returns a run whose card tells its figures on its data set's test images."""
    from vae_core import data
    from vae_core.evaluation import evaluate as measure
    from vae_core.inference import open_session
    from vae_core.runs import open_run

    run = open_run(path)
    if {"test", "survey"} <= run.card.metrics.keys():
        return run
    session = open_session(run, device=device)
    images = data.load(_settings(session, None), "test")
    numbers = {key: round(value, 6) for key, value in asdict(measure(session, images)).items()}
    _keep(session, images, "test", {**numbers, "seed": 0})
    return open_run(path)


def _job_fields(job: Any) -> dict[str, Any]:
    error = job.explained()
    return {
        "run": job.id,
        "path": str(job.path),
        "recipe": job.card.recipe,
        "status": job.status,
        "epochs_done": job.card.epochs_done,
        "epochs": job.epochs,
        "step": job.step,
        "steps": job.steps,
        "steps_a_second": job.rate,
        "position": job.position,
        "starts_in": job.starts_in,
        "seconds_left": job.left,
        "metrics": job.card.metrics,
        "error": None if error is None else str(error),
    }


def _job_line(job: Any) -> str:
    parts = [f"{job.id:<44} {job.status}, {job.card.epochs_done} of {job.epochs} epochs"]
    if job.position:
        parts.append(f"number {job.position} in the queue")
        if job.starts_in is not None:
            parts.append(f"starts in about {job.starts_in:.0f} s")
    elif job.left is not None:
        parts.append(f"about {job.left:.0f} s left")
    held_out = job.card.metrics.get("held-out")
    if held_out:
        parts.append(f"held out {held_out['total']:.2f} nats")
    error = job.explained()
    return "; ".join(parts if error is None else [*parts, str(error)])


def _session(given: Arguments) -> Any:
    from vae_core.inference import open_session
    from vae_core.runs import open_run

    return open_session(open_run(given.run), device=given.device)


# what `export` writes, and how its file's name ends
_EXPORTS = {
    "png": ".png",
    "svg": ".svg",
    "gif": ".gif",
    "webp": ".webp",
    "csv": ".csv",
    "onnx": ".onnx",
    "onnx-encoder": "-encoder.onnx",
    "zip": ".zip",
    "notebook": ".ipynb",
    "training-gif": "-training.gif",
    "training-webp": "-training.webp",
}


def _export(given: Arguments, session: Any) -> bytes:
    from vae_core import takeaways as take

    if given.what == "onnx":
        return take.decoder_onnx(session)
    if given.what == "onnx-encoder":
        return take.encoder_onnx(session)
    if given.what == "zip":
        return take.run_zip(session)
    if given.what.startswith("training-"):
        return take.training_film(session.run, kind=given.what.removeprefix("training-"))
    gallery = _gallery(session)
    codes = take.gallery_codes(session, gallery)
    if given.what == "csv":
        return take.codes_csv(gallery, codes)
    if given.what == "png":
        plane = take.plane_of(session, codes)
        return take.plane_png(session, plane, given.n or 20, scale=given.scale)
    if given.what == "svg":
        return take.plane_svg(session, gallery, codes, take.plane_of(session, codes))
    way = take.Path(given.start, given.end, given.method, given.label)
    if given.what == "notebook":
        return take.path_notebook(session, codes, way, given.n or 20)
    film = take.Film(given.n or 50, given.size, given.duration, not given.one_way)
    return take.path_film(session, codes, way, film, kind=given.what)


def _gallery(session: Any) -> Any:
    from vae_core import data

    return data.load_gallery(session.run.card.config.data)


def _settings(session: Any, name: str | None) -> Any:
    """Returns the settings of a data set, by default the run's own, for what the run takes."""
    own = session.run.card.config.data
    wanted = name or ("mnist" if own.name == "mnist-5k" else own.name)
    return own if wanted == own.name else own.model_copy(update={"name": wanted})


def _picture(path: Path, shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    from vae_core.mnist_like import mnist_like
    from vae_core.pictures import MAX_BYTES, grey, read_picture, squeezed

    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError("input-unreadable", what=str(path), reason=reason) from error
    picture = read_picture(content, name=str(path))
    channels, size, _ = shape
    return mnist_like(grey(picture), size=size).x if channels == 1 else squeezed(picture, size)


def _presence(name: str) -> dict[str, Any]:
    """Says whether a data set is on this machine, and what there is or what to do."""
    from vae_core import data

    source = data.DATASETS[name]
    if name == data.FOLDER:
        return {"present": False, "detail": "train with --folder PATH, a subfolder for each class"}
    try:
        n = len(data.load(name, "test" if "test" in source.splits else "all"))
    except PlaygroundError as error:
        missing = error.key in ("data-missing", "data-folder-missing")
        way_on = f"not here: type `python -m vae_core data {name} --download`"
        return {"present": False, "detail": way_on if missing else str(error)}
    kind = "test images" if "test" in source.splits else "images, built in"
    shape, classes = "x".join(map(str, source.image_shape)), len(source.class_names)
    return {"present": True, "detail": f"{n:,} {kind} of {shape}, {classes} classes"}


def _setting(text: str) -> tuple[str, Any]:
    """Reads "train.ema_decay=0.999": the value is JSON, or else a word."""
    path, equals, value = text.partition("=")
    if not equals:
        reason = "SETTING=VALUE is wanted, as train.ema_decay=0.999"
        raise InputError("input-unreadable", what=f"--set {text}", reason=reason)
    try:
        # settings know tuples, JSON does not
        read = json.loads(value)
    except ValueError:
        read = value
    return path.replace(".", "__"), tuple(read) if isinstance(read, list) else read


def _numbers(what: str, text: str, n: int | None) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(
            "input-unreadable", what=f"{what}={text}", reason="numbers with commas are wanted"
        ) from error
    if n is not None and len(found) != n:
        raise InputError(
            "input-shape", what=what, wanted=f"{n} numbers", value=f"{len(found)}: {text}"
        )
    return found


def _drawn(images: np.ndarray[Any, Any]) -> Iterable[str]:
    """Draws grey images with characters, two a pixel, so that a terminal shows what was decoded."""
    shades = " .:-=+*#%@"
    for image in images.mean(axis=1):
        for row in image:
            yield "".join(
                2 * shades[min(int(v * len(shades)), len(shades) - 1)] for v in row
            ).rstrip()


def _run_line(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"{row['run']:<24} {row['error']}"
    test = row["metrics"].get("test")
    figure = "not measured on test images"
    if test:
        figure = f"{test['total']:.2f} nats on {test['n']:.0f} test images"
    return (
        f"{row['run']:<24} {row['family']}, D = {row['latent_dim']}, "
        f"{row['epochs_done']} of {row['epochs']} epochs, {figure}"
    )


def _print(given: Arguments, result: Any, lines: Iterable[str]) -> None:
    if given.json:
        print(json.dumps(result, allow_nan=False))
    else:
        for line in lines:
            print(line)


# --- the grammar ------------------------------------------------------------------------------

# options of `train`, and the setting that each one changes
_TRAIN_OPTIONS = {
    "data": "data__name",
    "limit": "data__limit",
    "epochs": "train__epochs",
    "seed": "train__seed",
    "batch_size": "train__batch_size",
    "learning_rate": "train__learning_rate",
    "precision": "train__precision",
    "beta": "objective__beta",
    "latent_dim": "model__latent_dim",
    "size": "model__image_size",
    "channels": "model__channels",
}

# those of `sweep` that hold for all of its runs
_SWEEP_OPTIONS = {name: _TRAIN_OPTIONS[name] for name in ("data", "limit", "epochs")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vae_core", description="Train and use autoencoders."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Arguments], None]) -> argparse.ArgumentParser:
        text = (run.__doc__ or "").strip()
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(command=run)
        made.add_argument("--json", action="store_true", help="print the result as JSON")
        return made

    command("recipes", recipes)

    made = command("train", train)
    made.add_argument("recipe", help="a name that `recipes` lists")
    made.add_argument("--data", help="data set that `data` lists (default: the recipe's)")
    made.add_argument("--folder", type=Path, help="train on these pictures, a subfolder a class")
    made.add_argument("--size", type=int, help="bring pictures and network to this side, in pixels")
    made.add_argument("--channels", type=int, help="1 (grey) or 3 (RGB)")
    made.add_argument("--limit", type=int, help="train on the first LIMIT images only")
    made.add_argument("--epochs", type=int)
    made.add_argument("--seed", type=int)
    made.add_argument("--batch-size", type=int)
    made.add_argument("--learning-rate", type=float)
    made.add_argument("--precision", help="auto, fp32 or bf16")
    made.add_argument("--beta", type=float, help="weight of the KL term")
    made.add_argument("--latent-dim", type=int, help="size of the code, D")
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SETTING=VALUE",
        help="any other setting of `recipes --json`, as train.ema_decay=0.999; may be repeated",
    )
    made.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    made.add_argument("--name", help="display name")
    made.add_argument(
        "--out", type=Path, help="folder of the run (default: a new one in LATENT_RUNS)"
    )
    _add_device(made)
    _add_download(made)

    made = command("sweep", sweep)
    made.add_argument("recipe", help="names that `recipes` lists, with commas")
    made.add_argument("--beta", help="weights of the KL term, with commas")
    made.add_argument("--latent-dim", help="sizes of the code, with commas")
    made.add_argument("--seed", help="seeds, with commas")
    made.add_argument("--data", help="data set that `data` lists (default: the recipe's)")
    made.add_argument("--limit", type=int, help="train on the first LIMIT images only")
    made.add_argument("--epochs", type=int)
    made.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    made.add_argument("--out", type=Path, help="folder of runs (default: LATENT_RUNS)")
    made.add_argument(
        "--moments",
        choices=("last", "all"),
        default="last",
        help="of which moments codes and pictures are kept (default: last)",
    )
    _add_device(made)
    _add_download(made)

    made = command("seeds", seeds)
    made.add_argument("recipes", nargs="+", metavar="recipe", help="a name that `recipes` lists")
    made.add_argument("--seed", default="1,2", help="seeds, with commas (default: 1,2)")
    made.add_argument("--data", help="data set that `data` lists (default: the recipe's)")
    made.add_argument("--limit", type=int, help="train on the first LIMIT images only")
    made.add_argument("--epochs", type=int)
    made.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    made.add_argument("--out", type=Path, help="file, docs/seeds.md (default: show it)")
    _add_device(made)
    _add_download(made)

    made = command("resume", resume)
    _add_run(made)
    _add_download(made)

    made = command("queue", queue)
    made.add_argument("--all", action="store_true", help="those that are over, too")
    made.add_argument("--serve", action="store_true", help="start what waits, until interrupted")

    made = command("watch", watch)
    _add_job(made)
    made.add_argument("--once", action="store_true", help="say how it stands, and end")

    _add_job(command("pause", pause))
    _add_job(command("cancel", cancel))

    made = command("evaluate", evaluate)
    _add_run(made)
    made.add_argument("--data", help="data set (default: the run's own)")
    made.add_argument("--split", default="test", help="its part (default: test)")
    made.add_argument("--seed", type=int, default=0, help="of the one z per image (default: 0)")
    made.add_argument("--keep", action="store_true", help="write the figures into the run's card")
    _add_device(made)
    _add_download(made)

    made = command("encode", encode)
    _add_run(made)
    made.add_argument("images", nargs="*", type=Path, help="picture files, made MNIST-like")
    made.add_argument("--data", help="data set, without picture files (default: the run's gallery)")
    made.add_argument("--split", default="all", help="its part (default: all)")
    made.add_argument("--limit", type=int, help="encode the first LIMIT images only")
    _add_device(made)

    made = command("decode", decode)
    _add_run(made)
    made.add_argument(
        "--z", action="append", required=True, help="a code, as --z=0.5,-1.2; may be repeated"
    )
    made.add_argument("--out", type=Path, help="write a PNG strip")
    made.add_argument(
        "--scale", type=int, default=8, help="side of a pixel in the PNG (default: 8)"
    )
    _add_device(made)

    made = command("export", export)
    _add_run(made)
    made.add_argument(
        "what",
        choices=tuple(_EXPORTS),
        help="png, svg: the plane; gif, webp, notebook: a path between two images; csv: the codes; "
        "onnx, onnx-encoder: the networks; training-gif, training-webp: its moments; "
        "zip: card and weights",
    )
    made.add_argument("--out", type=Path, help="file (default: named after the run)")
    made.add_argument(
        "--n", type=int, help="pictures a side of the plane (20), or frames of the path (50)"
    )
    made.add_argument(
        "--scale", type=int, default=1, help="side of a pixel in the PNG (default: 1)"
    )
    made.add_argument(
        "--start", type=int, default=0, help="gallery index of the path's first image"
    )
    made.add_argument("--end", type=int, default=500, help="gallery index of its last image")
    made.add_argument("--method", default="linear", help="linear or spherical")
    made.add_argument(
        "--size", type=int, default=256, help="side of the film in pixels (default: 256)"
    )
    made.add_argument(
        "--duration", type=int, default=60, help="of a picture of the film, in ms (default: 60)"
    )
    made.add_argument("--one-way", action="store_true", help="the film does not come back")
    made.add_argument("--label", type=int, help="class that a conditional run shows (default: 0)")
    _add_device(made)

    made = command("data", data_sets)
    made.add_argument("name", nargs="?", help="a data set to read, or to fetch with --download")
    _add_download(made)

    made = command("gallery", gallery)
    made.add_argument("name", help="a data set that `data` lists")
    made.add_argument("--out", type=Path, help="file (default: NAME.png)")

    made = command("models", models)
    made.add_argument("--out", type=Path, help="file, docs/models.md (default: show it)")

    command("list", list_runs)
    command("doctor", doctor)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder of a run")


def _add_job(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, help="folder or id of a run")


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def _add_download(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--download", action="store_true", help="fetch the data set where it is missing"
    )


if __name__ == "__main__":
    sys.exit(main())
