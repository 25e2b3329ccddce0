"""The print that a speaker network takes of a made-up voice, by numpy and onnxruntime: what voiceprints.rs compares with.

    python speaker_reference.py NETWORK.onnx > speaker_tiny_made_up.txt

Needs numpy and onnxruntime. It shares no code with the crate: mel energies as Kaldi's, by its definition. The voice is
made here and in voiceprints.rs by the same steps in double precision, so that the samples are the same; no recording of
anybody is involved.
"""

import sys

import numpy as np
import onnxruntime

RATE = 16_000
# Per vowel three resonances as (gain, a1, a2): y = gain * x + a1 * y1 + a2 * y2.
VOWELS = [
    [(1.0, 1.931, -0.969), (-0.6, 1.624, -0.954), (0.4, 1.077, -0.939)],
    [(1.0, 1.872, -0.965), (-0.5, 1.832, -0.949), (0.3, 0.881, -0.932)],
]


def made_up():
    """Four seconds: pulses 100 to 160 times a second and breath, four syllables a second, two vowels in turn."""
    random, until_pulse = 7, 0
    state = [[0.0, 0.0] for _ in range(3)]
    out = np.zeros(4 * RATE)
    for n in range(len(out)):
        random ^= random << 13 & (1 << 64) - 1
        random ^= random >> 7
        random ^= random << 17 & (1 << 64) - 1
        breath = (random >> 40) / (1 << 23) - 1.0
        pulse = 0.0
        if until_pulse == 0:
            pulse, until_pulse = 1.0, 100 + n // 100 % 60
        until_pulse -= 1
        within = n % 4_000
        loud = min(within, 4_000 - within) / 2_000
        drive = loud * (pulse + 0.02 * breath)
        sound = 0.0
        for own, (gain, a1, a2) in zip(state, VOWELS[n // 4_000 % 2]):
            y = gain * drive + a1 * own[0] + a2 * own[1]
            own[0], own[1] = y, own[0]
            sound += y
        out[n] = np.clip(np.floor(4_000.0 * sound + 0.5), -32_768.0, 32_767.0)
    return out


def mel(hz):
    return 1_127.0 * np.log(1.0 + hz / 700.0)


def fbank(sound):
    """Logarithms of 80 mel bands' energies, `[frames, 80]`, of samples as whole numbers."""
    starts = np.arange((len(sound) - 400) // 160 + 1) * 160
    frames = sound[starts[:, None] + np.arange(400)]
    frames = frames - frames.mean(axis=1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    frames = (frames - 0.97 * before) * np.hamming(400)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    corners = np.linspace(mel(20.0), mel(8_000.0), 82)
    bins = mel(np.arange(257) * RATE / 512)
    up = (bins - corners[:-2, None]) / (corners[1:-1] - corners[:-2])[:, None]
    down = (corners[2:, None] - bins) / (corners[2:] - corners[1:-1])[:, None]
    bands = np.maximum(0.0, np.minimum(up, down))
    return np.log(np.maximum(power @ bands.T, np.finfo(np.float32).eps))


def print_of(network, sound):
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    energies = fbank(sound)[None].astype(np.float32)
    (vector,) = session.run(None, {session.get_inputs()[0].name: energies})[:1]
    vector = vector.reshape(-1).astype(np.float64)
    return vector / np.linalg.norm(vector)


if __name__ == "__main__":
    for number in print_of(sys.argv[1], made_up()):
        print(f"{number:.6f}")
