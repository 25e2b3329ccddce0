"""The peers of the ears: one job (a JSON file) in, one line of JSON out, waves as raw 32-bit floats, planar."""
import ctypes
import glob
import json
import math
import os
import sys
import time

import numpy as np

C = 343.0


def read(job):
    return np.fromfile(job["in"], dtype=np.float32).reshape(job["channels"], -1)


def answer(job, out=None, **facts):
    if out is not None:
        out = np.atleast_2d(np.asarray(out, dtype=np.float32))
        np.ascontiguousarray(out).tofile(job["out"])
        facts["channels"] = out.shape[0]
    print(json.dumps(facts))


def soxr(job):
    import soxr as lib
    x, w = read(job)[0], job["with"]
    stream = lib.ResampleStream(w["from"], w["to"], 1, dtype="float32", quality=w["quality"])
    block, out, given, late = w["from"] // 100, [], 0, []
    for i in range(0, len(x), block):
        y = stream.resample_chunk(x[i:i + block], last=i + block >= len(x))
        given += len(y)
        out.append(y)
        if len(x) // 2 < i < len(x) - 2 * block:
            late.append((i + block) / w["from"] - given / w["to"])
    # Cost of the whole in one call: what calling a library from Python costs is not held against it.
    start = time.thread_time()
    lib.resample(x, w["from"], w["to"], quality=w["quality"])
    cost = time.thread_time() - start
    answer(job, np.concatenate(out), delay_ms=1e3 * max(late, default=0.0), us_per_block=cost * 1e6 / (len(x) / block))


def speex(job):
    path = sorted(glob.glob(os.path.join(os.environ.get("PRIM_PEERS_LIB", "/usr/lib"), "**", "libspeexdsp.so.1*"), recursive=True))
    lib = ctypes.CDLL(path[0])
    lib.speex_echo_state_init.restype = ctypes.c_void_p
    pointer = ctypes.POINTER(ctypes.c_int16)
    lib.speex_echo_cancellation.argtypes = [ctypes.c_void_p, pointer, pointer, pointer]
    state = lib.speex_echo_state_init(160, job["with"]["tail"])
    rate = ctypes.c_int(16000)
    lib.speex_echo_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p]
    lib.speex_echo_ctl(state, 24, ctypes.byref(rate))
    mic, ref = (np.clip(np.round(c * 32768), -32768, 32767).astype(np.int16) for c in read(job))
    out = np.zeros_like(mic)
    n = len(mic) // 160 * 160
    at = lambda a, i: ctypes.cast(a.ctypes.data + 2 * i, pointer)
    start = time.thread_time()
    for i in range(0, n, 160):
        lib.speex_echo_cancellation(state, at(mic, i), at(ref, i), at(out, i))
    cost = time.thread_time() - start
    answer(job, out / 32768.0, us_per_block=cost * 1e6 / (n / 160))


def srp(job):
    import pyroomacoustics as pra
    x, w = read(job), job["with"]
    mics = np.array(w["mics_mm"]).T[:2] / 1000
    sources = w.get("sources", 1)
    doa = pra.doa.algorithms["SRP"](mics, 16000, 512, c=C, num_src=sources, azimuth=np.radians(np.arange(0, 360.0, 1)))
    degrees, cost = [], 0.0
    for end in w["ends"]:
        cut = x[:, max(0, end - w["frames"]):end]
        start = time.thread_time()
        stft = pra.transform.stft.analysis(cut.T, 512, 160, win=np.hanning(512)).transpose(2, 1, 0)
        doa.locate_sources(stft, freq_range=[300.0, 6500.0])
        cost += time.thread_time() - start
        found = list(np.degrees(doa.azimuth_recon) % 360)
        degrees += [float(d) for d in (found + found[-1:] * sources)[:sources]]
    answer(job, degrees=degrees, us_per_estimate=cost * 1e6 / max(1, len(w["ends"])))


def stft(x, size=512, hop=128):
    from nara_wpe.utils import stft as nara
    return nara(x, size, hop)


def istft(x, n, size=512, hop=128):
    from nara_wpe.utils import istft as nara
    y = nara(x, size, hop)
    return np.pad(y, (0, max(0, n - y.shape[-1])))[..., :n]


def souden(job):
    x, n = read(job), job["with"]["mics"]
    target, noise = stft(x[:n]), stft(x[n:])
    mix = target + noise
    rt = np.einsum("ctf,dtf->fcd", target, target.conj())
    rn = np.einsum("ctf,dtf->fcd", noise, noise.conj()) + 1e-9 * np.eye(n)
    g = np.linalg.solve(rn, rt)
    h = g[:, :, 0] / np.trace(g, axis1=1, axis2=2)[:, None]
    answer(job, istft(np.einsum("fc,ctf->tf", h.conj(), mix), x.shape[1]))


def delay_and_sum(y, w, frames):
    """Toward the true bearing, at the array's centre; `y` is channels × frames × bins."""
    mics = np.array(w["mics_mm"])[:, :2] / 1000
    b = math.radians(w["bearing"])
    lead = mics @ np.array([math.cos(b), math.sin(b)]) / C
    f = np.arange(y.shape[-1]) * 16000 / 512
    steer = np.exp(-2j * np.pi * f[None, :] * lead[:, None])
    return istft(np.mean(y * steer[:, None, :], axis=0), frames)


def wpe(job):
    from nara_wpe.wpe import wpe as run
    x, w = read(job), job["with"]
    y = stft(x).transpose(2, 0, 1)
    start = time.thread_time()
    z = run(y, taps=w["taps"], delay=w["delay"], iterations=3, statistics_mode="full")
    cost = time.thread_time() - start
    answer(job, delay_and_sum(z.transpose(1, 2, 0), w, x.shape[1]), cpu_s=cost)


def wpe_online(job):
    from nara_wpe.wpe import OnlineWPE
    x, w = read(job), job["with"]
    y = stft(x).transpose(1, 2, 0)
    taps, delay = w["taps"], w["delay"]
    run = OnlineWPE(taps=taps, delay=delay, alpha=0.9999, power_estimate=None, channel=x.shape[0], frequency_bins=y.shape[1])
    out = np.zeros_like(y)
    start = time.thread_time()
    for t in range(y.shape[0]):
        out[t] = run.step_frame(y[t])
    cost = time.thread_time() - start
    answer(job, delay_and_sum(out.transpose(2, 0, 1), w, x.shape[1]), cpu_s=cost)


def webrtcvad(job):
    import webrtcvad as lib
    x = np.clip(np.round(read(job)[0] * 32768), -32768, 32767).astype(np.int16)
    frames = [x[i:i + 160].tobytes() for i in range(0, len(x) // 160 * 160, 160)]
    score = np.zeros(len(frames))
    cost = 0.0
    for mode in range(4):
        vad = lib.Vad(mode)
        start = time.thread_time()
        score += [vad.is_speech(f, 16000) for f in frames]
        cost = time.thread_time() - start
    answer(job, score, us_per_frame=cost * 1e6 / max(1, len(frames)))


def silero(job):
    net = session(os.environ["PRIM_SILERO"])
    x = read(job)[0]
    state, context, p = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
    start = time.thread_time()
    for i in range(0, len(x) - 511, 512):
        frame = np.concatenate([context, x[i:i + 512]])[None].astype(np.float32)
        out, state = net.run(None, {"input": frame, "state": state, "sr": np.array(16000, np.int64)})
        context = x[i + 448:i + 512]
        p.append(float(out[0, 0]))
    cost = time.thread_time() - start
    # One score per 10 ms: the newest one that was known then.
    score = [p[max(0, min(len(p) - 1, ((k + 1) * 160) // 512 - 1))] for k in range(len(x) // 160)]
    answer(job, score, us_per_frame=cost * 1e6 / max(1, len(p)))


def session(model):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def dnsmos(job):
    """Speech, background, overall: DNSMOS P.835 on windows of 9.01 s, a second apart; a shorter wave is repeated."""
    x, net, n = read(job)[0], session(job["with"]["model"]), 144160
    while len(x) < n:
        x = np.concatenate([x, x])
    raw = np.stack([net.run(None, {"input_1": x[None, i:i + n]})[0][0] for i in range(0, len(x) - n + 1, 16000)])
    # From the network's scale to that of people, as published with it.
    fits = {"sig": [-0.08397278, 1.22083953, 0.0052439], "bak": [-0.13166888, 1.60915514, -0.39604546],
            "ovr": [-0.06766283, 1.11546468, 0.04602535]}
    answer(job, **{name: float(np.mean(np.polyval(fit, raw[:, k]))) for k, (name, fit) in enumerate(fits.items())})


def log_mel(x):
    """160 mel bands (Slaney's scale, areas alike) of 513 points every 256, dB below the loudest, 40 dB to 0..1."""
    hz = lambda m: np.where(m < 15, m * 200 / 3, 1000 * np.exp((m - 15) * np.log(6.4) / 27))
    top = 15 + 27 * np.log(8.0) / np.log(6.4)
    edges, bins = hz(np.linspace(0, top, 162)), np.arange(257) * 16000 / 513
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bands = np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    x = np.pad(x, 256)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(513) / 513)
    frames = np.stack([x[i:i + 513] * window for i in range(0, len(x) - 512, 256)])
    mel = np.maximum(1e-10, np.abs(np.fft.rfft(frames)) ** 2 @ bands.T)
    level = 10 * np.log10(mel / mel.max())
    return (np.maximum(level, -80) + 40) / 40


def aecmos(job):
    """Echo and other harm: AECMOS with the scenario marked. Channels: loudspeaker, microphone, what is judged."""
    x, w = read(job), job["with"]
    parts = [log_mel(c[:20 * 16000]) for c in x]
    silent = {"nst": 0, "st": 1}.get(w["talk"])
    marks = [0.0 if k == silent else 1.0 for k in range(3)]
    one = np.ones((20, 160))
    marked = [np.concatenate([p, m * one, 0 * one]) for p, m in zip(parts, marks)]
    feed = {"input": np.stack(marked)[None].astype(np.float32), "h0": np.zeros((4, 1, 64), np.float32)}
    echo, other = session(w["model"]).run(None, feed)[0][:2]
    answer(job, echo=float(echo), other=float(other))


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        work = json.load(file)
    try:
        globals()[work["kind"]](work)
    except Exception as why:  # a peer that is missing is no fault of ours
        print(f"    peer {work['kind']}: {type(why).__name__}: {why}", file=sys.stderr)
        sys.exit(1)
