#!/usr/bin/env bash
# tune.sh - a search: its curve, its trials, going on with one, and what it refuses.
. "$(dirname "$0")/common.sh"
quiet="--threads 1 --progress none"
model="--model dense --forget class=3"

run 0 train $small --epochs 2 --lr 0.05 --augment none --out dense $quiet
run 0 unlearn $model --method retrain --epochs 2 --batch 16 --lr 0.05 --out retrain $quiet
job="tune $model --method ft --epochs 1 --batch 16 --trials 4 --search lr=0.001..0.1 $quiet"

# The trials are runs as `lethe unlearn` makes them; three over the range, one beside the best.
run 0 $job --reference retrain --out a
prints '^ *lr  *UA  *MIA  *RA  *TA  *VA  *disparity  *seconds'
[ "$(grep -c -e '<- best' out)" -eq 1 ] || fail "not one best trial"
for trial in lr=0.001 lr=0.01 lr=0.1; do
    is_there a/$trial/run.json
    holds a/$trial/evaluation.json '"disparity_average": [0-9]'
done
[ "$(ls -d a/lr=* | wc -l)" -eq 4 ] || fail "not four trials"
run 0 unlearn $model --method ft --epochs 1 --batch 16 --lr 0.01 --out alone $quiet
same alone/model.safetensors a/lr=0.01/model.safetensors

# The best has the least disparity of all.
least=$(sed -n 's/.*"disparity_average": \([0-9.]*\).*/\1/p' a/lr=*/evaluation.json | sort -g | head -1)
best=$(sed -n '/"best"/,$ s/.*"run": "\(.*\)".*/\1/p' a/tune.json)
holds "a/$best/evaluation.json" "\"disparity_average\": $least"

# Again: the same record, and no run is touched. A record that is lost is made again from the runs.
cp a/tune.json before.json
touch stamp
run 0 $job --reference retrain --out a --json
same out before.json
[ -z "$(find a -newer stamp -name '*.safetensors')" ] || fail "a finished trial was run again"
rm a/tune.json
run 0 $job --reference retrain --out a --json
grep -v evaluation_seconds out >after && grep -v evaluation_seconds before.json | cmp -s - after || fail "another record"
[ -z "$(find a -newer stamp -name '*.safetensors')" ] || fail "a finished trial was run again"

# Time spent on evaluations counts, in a later sitting too.
[ "$(grep -c '"evaluation_seconds": [0-9]' a/tune.json)" -eq 4 ] || fail "an evaluation without its time"
cp -r a slow
sed -i 's/"evaluation_seconds": [0-9.e-]*/"evaluation_seconds": 3600/' slow/tune.json
run 0 $job --reference retrain --out slow --trials 7 --minutes 230
[ "$(ls -d slow/lr=* | wc -l)" -eq 4 ] || fail "the time of evaluations was not seen"

# With more trials or fewer, those that are finished stay, though the grid is another one.
run 0 $job --reference retrain --trials 7 --out a
[ "$(grep -c '^ *0\.' out)" -eq 7 ] || fail "not seven trials"
[ "$(ls -d a/lr=* | wc -l)" -eq 7 ] || fail "a finished trial was left out"
holds a/tune.json '"run": "lr=0.01"'
run 0 $job --reference retrain --trials 3 --out a
[ "$(grep -c '^ *0\.' out)" -eq 7 ] || fail "finished trials were forgotten"
[ -z "$(find a -newer stamp -path '*lr=0.01/model.safetensors')" ] || fail "a finished trial was run again"

# Without a reference: the bound on validation accuracy.
run 0 $job --least-va 0 --out a
grep -v best out | grep -q 'below' && fail "a trial below 0 %"
run 0 $job --least-va 100 --out a
says 'no trial can be called the best'
holds a/tune.json '"best": null'

# A trial that diverges is a result. A bound on time is seen before each trial but the first.
run 0 tune $model --method ft --epochs 1 --batch 16 --trials 3 --search lr=0.01..1e30 --least-va 0 --out wild $quiet
prints 'diverged'
holds wild/tune.json '"outcome": "diverged"'
run 0 $job --least-va 0 --minutes 1e-9 --out short
[ "$(ls -d short/lr=* | wc -l)" -eq 1 ] || fail "the time was not seen"
run 0 $job --least-va 0 --budget-epochs 2 --out short --json
[ "$(ls -d short/lr=* | wc -l)" -eq 2 ] || fail "the epochs were not counted"
[ "$(grep -c '"epochs": 1' out)" -eq 2 ] || fail "the epochs are not in the record"
run 0 tune $model --method ff --trials 4 --search alpha=1e-9..1e-8 --least-va 0 --budget-epochs 3 --out noise $quiet
[ "$(ls -d noise/alpha=* | wc -l)" -eq 3 ] || fail "a trial without epochs did not count as one"

# A wrecked model does not win, however near it comes.
run 0 $job --least-va 0 --trials 3 --wreck-bound 100 --out ruined
prints 'wrecked'
says 'no trial can be called the best'
holds ruined/tune.json '"wrecked": true'
holds ruined/tune.json '"best": null'

# A signal stops with a checkpoint, and the same command continues to the same models.
"$lethe" $job --epochs 8 --least-va 0 --out b >out 2>err &
pid=$!
for _ in $(seq 100); do [ -s b/lr=0.001/history.csv ] && break; sleep 0.1; done
kill -INT $pid
wait $pid
code=$?
[ $code -eq 75 ] || fail "a search stopped by SIGINT ended with $code, not 75"
is_there b/lr=0.001/checkpoint.safetensors
run 3 $job --epochs 8 --seed 5 --least-va 0 --out b # not the search that was interrupted
run 0 $job --epochs 8 --least-va 0 --out b --trials 3
run 0 unlearn $model --method ft --epochs 8 --batch 16 --lr 0.001 --out whole $quiet
same whole/model.safetensors b/lr=0.001/model.safetensors

# Refused before anything is computed.
refused() { # CODE SENTENCE OPTIONS...
    local code=$1 sentence=$2
    shift 2
    run "$code" tune $model --method ft --epochs 1 --batch 16 $quiet --out none "$@"
    says "$sentence"
    is_not_there none
}
refused 2 'weight-decay' --search decay=0.1..1 --least-va 0
refused 2 'numeric method option' --search augment=1..2 --least-va 0
refused 2 'is empty' --search lr=0.1..0.1 --least-va 0
refused 2 'must be above 0' --search lr=0..0.1 --least-va 0
refused 2 'NAME=LOW..HIGH' --search lr=0.1 --least-va 0
refused 2 '--search' --least-va 0
refused 2 'from 3 to 64' --search lr=0.01..0.1 --least-va 0 --trials 2
refused 2 'lr is what --search varies' --search lr=0.01..0.1 --lr 0.1 --least-va 0
refused 2 '--reference RUN' --search lr=0.01..0.1
refused 3 'holds no finished run' --search lr=0.01..0.1 --reference b
refused 3 'missing.json' --search lr=0.01..0.1 --least-va 0 --kernels missing.json
refused 3 'its forget set is another one' --search lr=0.01..0.1 --reference dense
for out in dense retrain . dense/../retrain; do # not even with --force
    run 2 $job --reference retrain --out $out --force
    says 'which is read'
done
is_not_there tune.json
run 2 $job --epochs 2 --reference retrain --out a
says 'other options than this search'
run 0 bench ops --arch resnet20s --image-size 28 --batch 4 --threads 1 --repeats 1 --seconds 0.01 --save k.json
run 2 $job --reference retrain --kernels k.json --out a
says 'with other kernels'
run 0 $job --epochs 2 --reference retrain --trials 3 --out a --force --quiet
silent
holds a/lr=0.01/run.json '"epochs": 2'
