#!/bin/bash
# lane.sh RECIPE... : trains each in turn
for r in "$@"; do
  nice -n 10 python -m vae_core train $r --threads 1 --out checkpoints/$r > /work/train/$r.log 2>&1
done
