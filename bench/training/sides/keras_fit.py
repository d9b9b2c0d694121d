"""Keras' `fit` on its well-known 2-D convolutional VAE example, in our words.

From the facts of keras.io/examples/generative/vae: conv 32-64, strides 2, dense 16, two heads;
dense 7x7x64, transposed conv 64-32, strides 2, one more to a channel; ReLU, sigmoid out; Adam
1e-3, batch 128; a model with its own `train_step`. Each epoch is a `fit` of its own, on images in
the order and with the noise that our side draws, so that both have the same luck; the clock runs
from its epoch's beginning to its end. Runs in an environment with Keras and TensorFlow.

Where a stride of 2 meets an even side, "same" pads after the last row, torch's padding of 1 before
the first. With images, kernels and features turned by half a circle it is the very same network.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from answering import Clock, Talk, answer_test, in_nats
from keras import layers, ops


class Sampling(layers.Layer):
    """z = mean + sigma * eps."""

    def call(self, inputs: Any) -> Any:
        mean, log_var, eps = inputs
        return mean + ops.exp(0.5 * log_var) * eps


def encoder(latent_dim: int) -> keras.Model:
    images, eps = keras.Input((28, 28, 1)), keras.Input((latent_dim,))
    x = layers.Conv2D(32, 3, activation="relu", strides=2, padding="same")(images)
    x = layers.Conv2D(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    mean, log_var = layers.Dense(latent_dim)(x), layers.Dense(latent_dim)(x)
    return keras.Model([images, eps], [mean, log_var, Sampling()([mean, log_var, eps])])


def decoder(latent_dim: int) -> keras.Model:
    z = keras.Input((latent_dim,))
    x = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(z))
    x = layers.Conv2DTranspose(64, 3, activation="relu", strides=2, padding="same")(x)
    x = layers.Conv2DTranspose(32, 3, activation="relu", strides=2, padding="same")(x)
    return keras.Model(z, layers.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x))


class VAE(keras.Model):
    def __init__(self, latent_dim: int) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder(latent_dim), decoder(latent_dim)
        self.trackers = [keras.metrics.Mean(name) for name in ("total", "recon", "kl")]

    @property
    def metrics(self) -> list[Any]:
        return self.trackers

    def terms(self, x: Any, eps: Any) -> tuple[Any, Any]:
        """Returns summed binary cross-entropy and summed KL, means over the images."""
        mean, log_var, z = self.encoder([x, eps])
        pixels = keras.losses.binary_crossentropy(x, self.decoder(z))
        recon = ops.mean(ops.sum(pixels, axis=(1, 2)))
        kl = -0.5 * (1 + log_var - ops.square(mean) - ops.exp(log_var))
        return recon, ops.mean(ops.sum(kl, axis=1))

    def train_step(self, data: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            recon, kl = self.terms(*data)
            total = recon + kl
        gradients = tape.gradient(total, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        for tracker, value in zip(self.trackers, (total, recon, kl), strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}


def begin_with(model: VAE, luck: Any) -> None:
    """Gives a model the weights that torch's layers have, by their names there."""

    def weights(name: str) -> list[Any]:
        return [luck[f"{name}.weight"], luck[f"{name}.bias"]]

    def kernel(name: str) -> list[Any]:
        values, bias = weights(name)  # (out, in, 3, 3); of a transposed convolution (in, out, 3, 3)
        return [values[:, :, ::-1, ::-1].transpose(2, 3, 1, 0), bias]

    def turned(features: Any) -> Any:
        """Of (64 * 7 * 7, ...), in torch's order, makes Keras' (7 * 7 * 64, ...)."""
        square = features.reshape(64, 7, 7, -1)[:, ::-1, ::-1]
        return square.transpose(1, 2, 0, 3).reshape(features.shape)

    inner, inner_bias = weights("encoder.5")
    heads, heads_bias = weights("encoder.7")
    units = len(heads) // 2
    model.encoder.set_weights(
        [
            *kernel("encoder.0"),
            *kernel("encoder.2"),
            turned(inner.T),
            inner_bias,
            heads[:units].T,
            heads_bias[:units],
            heads[units:].T,
            heads_bias[units:],
        ]
    )
    outer, outer_bias = weights("decoder.0")
    # the last layer is a transposed convolution here and a convolution in torch: with a stride of 1
    # one is the other with its kernel turned
    last, last_bias = weights("decoder.7")
    model.decoder.set_weights(
        [
            turned(outer).T,
            turned(outer_bias),
            *kernel("decoder.3"),
            *kernel("decoder.5"),
            last.transpose(2, 3, 0, 1),
            last_bias,
        ]
    )


class Turns(keras.callbacks.Callback):
    """Begins an epoch when asked, and says how long it took."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.clock.begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.clock.end()


def main() -> None:
    talk = Talk()
    settings = talk.settings
    tf.config.threading.set_intra_op_parallelism_threads(settings["threads"])
    keras.utils.set_random_seed(settings["seed"])
    with np.load(settings["images"]) as images:
        x, test_x = (
            np.ascontiguousarray(images[name][:, ::-1, ::-1, None]).astype("float32") / 255
            for name in ("x", "test_x")
        )
    model = VAE(settings["latent_dim"])
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]))
    turns = Turns(Clock(talk))
    with np.load(settings["luck"]) as luck:
        begin_with(model, luck)
        for epoch in range(1, settings["epochs"] + 1):
            model.fit(
                x[luck[f"order.{epoch}"]],
                luck[f"eps.{epoch}"],
                batch_size=settings["batch_size"],
                shuffle=False,
                verbose=0,
                callbacks=[turns],
            )

    def test() -> dict[str, Any]:
        eps = np.random.default_rng(settings["seed"]).standard_normal(
            (len(test_x), settings["latent_dim"]), "float32"
        )
        parts = zip(np.split(test_x, 10), np.split(eps, 10), strict=True)
        recon, kl = np.mean([[float(t) for t in model.terms(*part)] for part in parts], axis=0)
        return in_nats(float(recon), float(kl))

    answer_test(talk, test)


if __name__ == "__main__":
    main()
