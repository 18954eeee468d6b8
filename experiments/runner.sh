# runner.sh - runs lists of lethe commands side by side, resumably, with progress; sourced by the scripts beside it.
#
# A script defines `steps N`, which prints the steps of list N (1 .. $lists), one a line:
#     name|cost|arguments of lethe
# where cost is in epochs of training, a whole number, and calls `run_lists`. Lists run side by side, one a thread, each
# in its order, and whoever is done takes the next one; a step whose result is there already is passed over. Ctrl-C stops
# every program after a checkpoint.

lethe=build/lethe
cores=$(nproc)

say() { printf '%s\n' "$*"; }
clock() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# Is the result of a command there?
finished() {
    local words=($1) i
    for i in "${!words[@]}"; do
        [ "${words[i]}" = --out ] && { [ -f "${words[i + 1]}/run.json" ] || [ -f "${words[i + 1]}" ]; return; }
    done
    # evaluate --model RUN; a run that diverged has no model
    [ -f "${words[2]}/evaluation.json" ] || grep -qs '"outcome": "diverged"' "${words[2]}/run.json"
}

run_list() { # list, threads
    local list=$1 state=$out/.list$1 name cost command status
    while IFS='|' read -r name cost command; do
        if ! finished "$command"; then
            echo "$command" >"$state.running"
            $lethe $command --threads "$2" --progress none --quiet >>"$out/output$list.txt" 2>&1
            status=$?
            # 4: the method diverged, which is a result
            if [ $status -ne 0 ] && [ $status -ne 4 ]; then
                [ $status -eq 75 ] || say "failed with exit code $status: lethe $command; see $out/output$list.txt" >&2
                return $status
            fi
        fi
        echo "$cost" >>"$state.done"
    done < <(steps "$list")
    rm -f "$state.running"
}

work() { # threads: takes the lists that no other worker has taken
    local list
    for ((list = 1; list <= lists; list++)); do
        mkdir "$out/.list$list.taken" 2>/dev/null || continue
        run_list $list "$1" || return $?
    done
}

all_steps() {
    local list
    for ((list = 1; list <= lists; list++)); do steps $list; done
}

# The cost of finished steps, and of the epochs that running ones have behind them.
cost_done() {
    local state folder
    for state in "$out"/.list*; do
        case $state in
        *.done) cat "$state" ;;
        *.running)
            folder=$(sed -n 's/.*--out \([^ ]*\).*/\1/p' "$state")
            [ -f "$folder/history.csv" ] && [ ! -f "$folder/run.json" ] && tail -n +2 "$folder/history.csv" | wc -l
            ;;
        esac
    done | awk '{ sum += $1 } END { print sum + 0 }'
}

show_progress() {
    local start=$SECONDS first now total left
    total=$(all_steps | awk -F'|' '{ sum += $2 } END { print sum }')
    first=$(cost_done)
    while sleep 2; do
        now=$(cost_done) left="?"
        [ "$now" -gt "$first" ] && left=$(clock $(((SECONDS - start) * (total - now) / (now - first))))
        if [ -t 1 ]; then
            printf '\r%3d %% done, %s passed, about %s left\033[K' $((100 * now / total)) "$(clock $((SECONDS - start)))" "$left"
        else
            say "$((100 * now / total)) % done, $(clock $((SECONDS - start))) passed, about $left left" && sleep 28
        fi
    done
}

run_lists() {
    local workers=$((lists < cores ? lists : cores)) worker pid pids=() shown status result=0
    [ -x $lethe ] || { say "build/lethe is not there; run make" >&2 && exit 1; }
    mkdir -p "$out"
    rm -rf "$out"/.list*
    trap : INT TERM # the programs stop by themselves, each after a checkpoint
    show_progress &
    shown=$!
    for ((worker = 1; worker <= workers; worker++)); do
        work $((cores / workers)) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
        status=$?
        while kill -0 "$pid" 2>/dev/null; do # a signal ended the wait, not the worker
            wait "$pid"
            status=$?
        done
        [ $status -eq 0 ] || result=$status
    done
    kill $shown 2>/dev/null
    wait $shown 2>/dev/null
    rm -rf "$out"/.list*
    [ -t 1 ] && printf '\r\033[K'
    [ $result -eq 0 ] || { say "Stopped; the same command continues." >&2 && exit $result; }
}

# --- the steps that the scripts share; they read $images, $test_images, $epochs ---

keep=2  # the epoch whose weights a sparse model is rewound to
short=5 # epochs of FT, GA and l1-sparse
# Without augmentation and with small batches a few thousand images are memorised within a minute or two.
memorise="--augment none --batch 32 --lr 0.03 --lr-schedule cosine --warmup 1"

data() { echo "--dataset fashion-mnist --limit $images --test-limit $test_images --val-fraction 0"; }

train_dense() { # run, seed: a model that memorises
    echo "dense|$epochs|train --arch resnet20s $(data) $memorise --epochs $epochs --keep-epoch $keep --seed $2 --split-seed $2 --out $1"
}

prune() { # run, model, seed, method, trainings, options...: of a trained model
    echo "$4|$(($5 * epochs))|prune --model $2 --method $4 ${*:6} --rewind epoch=$keep $memorise --epochs $epochs --seed $3 --out $1"
}

unlearn() { # run, model, seed, forget set, method, cost, options...
    echo "$5|$6|unlearn --model $2 --forget $4 --method $5 --seed $3 --split-seed $3 ${*:7} --out $1"
    echo "metrics|1|evaluate --model $1 --mia-samples 2000"
}

retrain() { # run, model, seed, forget set: as the model itself was trained
    unlearn "$1" "$2" "$3" "$4" retrain "$epochs" $memorise --epochs "$epochs"
}

evaluate_original() { # file, model, seed, forget set
    echo "original|1|evaluate --model $2 --mia-samples 2000 --forget $4 --split-seed $3 --out $1"
}
