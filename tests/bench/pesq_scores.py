"""PESQ (ITU-T P.862 with P.862.1's mapping, 8 kHz) of pairs of WAV files: reference, heard, reference, heard .."""

import json
import sys
import wave

import numpy
from pesq import pesq


def samples(path):
    with wave.open(path) as file:
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)


paths = sys.argv[1:]
pairs = zip(paths[::2], paths[1::2])
print(json.dumps([float(pesq(8000, samples(one), samples(other), "nb")) for one, other in pairs]))
