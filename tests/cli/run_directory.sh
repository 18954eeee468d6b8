#!/usr/bin/env bash
# run_directory.sh - what a run leaves behind, when it is refused, and what happens when nothing can be written.
. "$(dirname "$0")/common.sh"

run 0 train $small --epochs 2 --keep-epoch 1 --out deep/run --json
prints '"schema": "lethe.run/1"'
prints '"outcome": "finished"'
for file in run.json config.yaml model.safetensors split.json history.csv log.txt epoch-1.safetensors; do
    is_there deep/run/$file
done
ls deep/run/events.out.tfevents.* >/dev/null || fail "no TensorBoard file"
is_not_there deep/run/checkpoint.safetensors
ls deep/run/.[!.]* 2>/dev/null && fail "temporary files are left"
[ "$(head -1 deep/run/history.csv)" = epoch,seconds,samples_per_second,lr,loss,accuracy,val_accuracy,sparsity ] ||
    fail "the header of history.csv"
[ "$(wc -l <deep/run/history.csv)" -eq 3 ] || fail "history.csv must have a row for each epoch"
[ "$(sed -n 's/^\([0-9]*\),.*/\1/p' deep/run/history.csv | tr '\n' ' ')" = "1 2 " ] || fail "epochs count from 1"

cp deep/run/run.json before.json
run 2 train $small --epochs 1 --out deep/run
says 'finished run'
same before.json deep/run/run.json
touch deep/run/.model.safetensors.1-0 # what a killed process leaves
run 0 train $small --epochs 1 --out deep/run --force --quiet
silent
is_not_there deep/run/.model.safetensors.1-0
is_not_there deep/run/epoch-1.safetensors
holds deep/run/run.json '"epochs": 1'

echo text >file
run 1 train $small --epochs 1 --out file/run
says 'file/run'
run 1 train $small --epochs 1 --out file
if [ "$(id -u)" -ne 0 ]; then # root may write anywhere
    mkdir locked && chmod 500 locked
    run 1 train $small --epochs 1 --out locked/run
    says 'locked'
fi
run 0 train $small --epochs 3 --out tried --dry-run
prints 'parameters  *269'
is_not_there tried
"$lethe" version >/dev/full 2>err
[ $? -eq 1 ] || fail "a full standard output must end with 1"
says 'standard output'
run 1 predict --model deep/run --logits /dev/full
is_there /dev/full
if mkdir tiny && mount -t tmpfs -o size=200k tmpfs tiny 2>/dev/null; then
    run 1 train $small --epochs 1 --out tiny/run
    says 'No space left'
    is_not_there tiny/run/run.json
    is_not_there tiny/run/model.safetensors
    umount tiny
fi

# What a command reads it does not replace, by whatever name the place goes, with --force or without.
run 0 train $small --epochs 1 --out dense --quiet
cp -r dense untouched
ln -s dense linked
for out in dense linked deep/../dense nothing/../dense .; do
    run 2 unlearn --model dense --forget class=3 --method ga --epochs 1 --out $out --force
    says 'would replace dense, which is read'
done
run 2 unlearn --model dense --forget class=3 --method ga --epochs 1 --out dense
says 'would replace dense, which is read'
run 2 prune --model dense/model.safetensors $data --epochs 0 --sparsity 0.5 --out linked --force
run 2 train --model dense --epochs 1 --out dense --force
run 2 evaluate --model dense --out linked/model.safetensors
run 2 evaluate --model deep/run --reference dense --out dense/run.json
run 2 predict --model dense/model.safetensors $data --logits dense/model.safetensors
run 2 analyze --model dense --html dense/split.json
diff -r dense untouched >out || fail "the original was changed"
run 0 unlearn --model dense --forget class=3 --method ga --epochs 1 --out dense/ga --quiet # a folder inside is fine

"$lethe" train $small --epochs 200 --out busy >/dev/null 2>&1 &
first=$!
for _ in $(seq 100); do [ -s busy/log.txt ] && break; sleep 0.1; done
run 1 train $small --epochs 200 --out busy
says 'another process'
kill -9 $first
wait $first 2>/dev/null
exit 0
