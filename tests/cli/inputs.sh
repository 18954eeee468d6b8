#!/usr/bin/env bash
# inputs.sh - files that are missing, damaged or not what they claim: exit code 3, a sentence that names the place,
# and nothing written.
. "$(dirname "$0")/common.sh"

run 0 train $small --epochs 1 --out run --quiet --progress none
model=run/model.safetensors

run 3 evaluate --model nowhere.safetensors $data
says 'nowhere.safetensors'
mkdir empty
run 3 evaluate --model empty $data
says 'no finished run'
head -c 1000 $model >truncated.safetensors
run 3 evaluate --model truncated.safetensors $data
says 'truncated.safetensors'
cp $model longer.safetensors && printf x >>longer.safetensors
run 3 evaluate --model longer.safetensors $data
says 'longer.safetensors'
printf '\377\377\377\377\377\377\377\177{}' >huge.safetensors
run 3 inspect huge.safetensors
says 'huge.safetensors'
run 3 inspect empty
run 3 inspect nowhere
run 3 evaluate --model $model --dataset synthetic --synthetic-size 32 # another shape of images
says '28x28'
run 3 evaluate --model $model --arch resnet56s $data
run 2 evaluate --model $model --classes 10 $data
says '--arch'

cp -r run broken && printf '{"schema": "lethe.run/1"' >broken/run.json
run 3 evaluate --model broken
says 'broken/run.json'
cp -r run wrong && sed -i 's/"synthetic-train": 100/"synthetic-train": -5/' wrong/run.json
run 3 evaluate --model wrong
says 'synthetic-train'
cp -r run other && sed -i 's/"forget_ids": \[\]/"forget_ids": [7, 7]/' other/split.json
run 3 evaluate --model other
says 'split.json'
run 3 evaluate --model run --dataset synthetic --synthetic-train 99 # not what the split divides
says 'split.json'
run 2 unlearn --model run --method ft --forget class=0 --val-fraction 0.2 --out x
says 'its split is reused'

echo 5000 >ids
run 3 unlearn --model run --method ft --forget ids=ids --out x
says 'ids:1'
printf '3\n3\n' >ids
run 3 unlearn --model run --method ft --forget ids=ids --out x
says 'ids:2'
run 3 unlearn --model run --method ft --forget ids=nothing --out x
run 2 unlearn --model run --method ft --forget klass=1 --out x
run 2 unlearn --model run --method ft --forget class=10 --out x
run 3 unlearn --model run --method ft --forget random=0 --out x
run 3 unlearn --model run --method ft --forget random=1 --out x
run 2 unlearn --model run --method ft --out x # neither --forget nor a forget set in the run
says 'give --forget SET'
run 3 prune --model run --rewind epoch=1 --epochs 1 --out kept --progress none
says '--keep-epoch 1'
is_not_there kept/run.json

mkdir idx
printf '\0\0\10\3\0\0\0\12\0\0\0\34\0\0\0\34' >idx/train-images-idx3-ubyte # ten images promised, none there
printf '\0\0\10\1\0\0\0\12' >idx/train-labels-idx1-ubyte
cp idx/train-images-idx3-ubyte idx/t10k-images-idx3-ubyte
cp idx/train-labels-idx1-ubyte idx/t10k-labels-idx1-ubyte
run 3 train --arch resnet20s --dataset mnist --data-dir idx --out x
says 'idx/'
run 3 train --arch resnet20s --dataset mnist --data-dir nowhere --out x
is_not_there x
