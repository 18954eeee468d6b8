#!/usr/bin/env bash
# repeat.sh - the same seed gives the same bytes: again, from a stored configuration, and across interruptions.
. "$(dirname "$0")/common.sh"
job="train $small --epochs 3 --progress none"

run 0 $job --out a
run 0 $job --out b
same a/model.safetensors b/model.safetensors
run 0 $job --seed 18446744073709551615 --out c
holds c/run.json '"seed": "18446744073709551615"'
cmp -s a/model.safetensors c/model.safetensors && fail "another seed gives the same model"

run 0 $job --out d --print-config
cp out d.yaml
is_not_there d
run 0 train --config d.yaml --progress none
same a/model.safetensors d/model.safetensors
run 0 train --config a/config.yaml --out e --print-config
sed 's/^out: .*/out: "a"/' out >again.yaml
same again.yaml a/config.yaml
run 0 train --config a/config.yaml --out e --epochs 1 --progress none # the command line wins
holds e/run.json '"epochs": 1'

# Killed at moments that nobody chose, every step being a checkpoint.
for try in $(seq 6); do
    "$lethe" $job --checkpoint-seconds 0 --out f >out 2>err &
    pid=$!
    sleep 0.$((RANDOM % 8 + 1))
    kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
    [ -e f/run.json ] && break
    is_not_there f/model.safetensors
done
[ -e f/run.json ] || run 0 $job --checkpoint-seconds 0 --out f
same a/model.safetensors f/model.safetensors
is_not_there f/checkpoint.safetensors
[ "$(wc -l <f/history.csv)" -eq 4 ] || fail "the history of an interrupted run"

# A signal: a checkpoint, exit code 75, and the same command continues.
long="train $small --epochs 40 --progress none --out g"
for signal in INT TERM; do
    lines=$(cat g/log.txt 2>/dev/null | wc -l)
    "$lethe" $long >out 2>err &
    pid=$!
    for _ in $(seq 100); do [ "$(cat g/log.txt 2>/dev/null | wc -l)" -gt "$lines" ] && break; sleep 0.1; done
    sleep 0.5
    kill -$signal $pid
    wait $pid
    code=$?
    [ $code -eq 75 ] || fail "a run stopped by SIG$signal ended with $code, not 75"
    says 'run it again to continue'
    is_there g/checkpoint.safetensors
    is_not_there g/run.json
done
cp g/config.yaml before.yaml
run 3 $long --lr 0.2 # not the run that was interrupted
says 'checkpoint.safetensors'
same before.yaml g/config.yaml
run 0 train $small --epochs 1 --progress none --out g --resume never
holds g/run.json '"epochs": 1'
