#!/usr/bin/env bash
# kernels.sh - kernels chosen by measurement: saved, shown, obeyed with the same bits each time, and refused where they
# do not belong. Which ones are fastest is nowhere expected: the choices are replaced by the reference.
. "$(dirname "$0")/common.sh"
bench="bench ops --arch resnet20s --image-size 28 --batch 4 --threads 1 --precision f32 --repeats 1 --seconds 0.01"
job="train $small --precision f32 --epochs 1 --progress none"

run 0 $bench --mode predict --save k.json
holds k.json '"pass": "prediction"'
grep -q training k.json && fail "prediction alone was measured"
n=$(grep -c '"kind"' k.json)
run 0 $bench --channels 1 --save k.json # another first convolution, and the same rest
holds k.json '"pass": "prediction"'
holds k.json '"pass": "training"'
[ "$(grep -c '"kind"' k.json)" -gt "$n" ] || fail "nothing was added to the file"
n=$(grep -c '"kind"' k.json)
run 0 $bench --channels 1 --save k.json
[ "$(grep -c '"kind"' k.json)" -eq "$n" ] || fail "measured again, a shape has two entries"
run 0 $bench --save k.json

# The reference for every convolution: slow, but told apart.
sed -i 's/"\(winograd4\|winograd\|native\|amx\|onednn\)",/"ref",/' k.json
run 0 $bench --kernels k.json
prints '^convolution.*28x28x16 .*ref \*'
run 0 $bench --kernels k.json --json
prints '"implementation": "ref"'
run 0 doctor --arch resnet20s --batch 4 --threads 1 --precision f32 --kernels k.json # images of 32x32: other shapes
prints '^  convolution .* conv1.weight'
sed 's/": 28,/": 32,/; s/": 14,/": 16,/; s/": 7,/": 8,/' k.json >k32.json
run 0 doctor --arch resnet20s --batch 4 --threads 1 --precision f32 --kernels k32.json
prints '^  convolution .* conv1.weight *ref'
run 0 doctor --arch resnet20s --batch 4 --threads 1 --precision f32
grep -q '^  convolution .* ref' out && fail "the reference without being asked for"

run 0 $job --kernels k.json --out a
holds a/config.yaml '^kernels: "k.json"'
holds a/run.json '"kernels": "[0-9a-f]*"'
run 0 train --config a/config.yaml --out b --progress none
same a/model.safetensors b/model.safetensors
run 0 $job --out c
holds c/run.json '"kernels": null'
cmp -s a/model.safetensors c/model.safetensors && fail "the choices were not obeyed"
run 0 evaluate --model a --threads 1 --precision f32 --kernels k.json

# Interrupted: the same file continues to the same bits, under whatever name; another content does not.
long="train $small --precision f32 --epochs 3 --progress none"
run 0 $long --kernels k.json --out whole
"$lethe" $long --kernels k.json --checkpoint-seconds 0 --out part >out 2>err &
pid=$!
for _ in $(seq 300); do [ -e part/checkpoint.safetensors ] && break; sleep 0.1; done
kill -TERM $pid
wait $pid
is_there part/checkpoint.safetensors
is_not_there part/run.json
sed '0,/"milliseconds": /s//"milliseconds": 1/' k.json >changed.json
cp k.json moved.json
run 3 $long --kernels changed.json --out part
says 'checkpoint.safetensors'
run 3 $long --out part
run 0 $long --kernels moved.json --out part
same whole/model.safetensors part/model.safetensors

# What does not belong here, or is no such file.
run 3 $job --threads 2 --kernels k.json --out x
says "another number of threads, '1' and not '2'.*lethe bench ops --arch NAME --threads 2 --precision f32 --save FILE"
run 3 $bench --threads 2 --save k.json
says 'another number of threads'
run 3 $job --precision bf16 --kernels k.json --out x
says 'no choice for the precision bf16'
sed 's/"cpu": "/&Not /' k.json >cpu.json
run 3 $job --kernels cpu.json --out x
says 'another CPU'
head -c 1000 k.json >cut.json
run 3 $job --kernels cut.json --out x
says 'cut.json:[0-9]*: is not valid JSON'
sed 's/"ref"/"magic"/' k.json >magic.json
run 3 evaluate --model a --threads 1 --precision f32 --kernels magic.json
says "unknown implementation 'magic'"
run 3 $job --kernels missing.json --out x
says 'missing.json'
run 2 $job --kernels k.json --backend ref --out x
says 'leave --kernels k.json out'
is_not_there x/run.json
run 2 bench --save k.json
says 'lethe bench ops'
