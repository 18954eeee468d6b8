#!/usr/bin/env bash
# usage.sh - help, mistyped words, and texts made from the option tables.
. "$(dirname "$0")/common.sh"

run 2
says '^usage: lethe COMMAND'
silent
run 0 help
prints '^  unlearn '
for command in $(awk '/^  [a-z]/ { print $1 }' out); do # whatever is listed explains itself
    run 0 help "$command"
    prints "^usage: lethe $command"
    run 0 "$command" --help
    prints "^usage: lethe $command"
    run 0 help --man "$command"
    prints "^.TH LETHE"
done
run 0 help --man
prints '^.TH LETHE 1'
run 0 help unlearn ga
prints '^ga: '
prints '--epochs N'
for option in saliency sparsity l1 gamma epochs; do # the man page holds the options of each method
    run 0 help --man unlearn
    prints "^.\\?.fB.*$option"
done
[ "$(grep -c '^.SH METHOD' out)" -ge 9 ] || fail "a method without its section"
run 0 help prune omp
prints '^omp: '
run 0 --version
prints '^lethe [0-9]'
run 0 version --json
prints '"oneDNN": '

run 2 trian
says "^lethe: unknown command 'trian'; did you mean train"
run 2 train --epoch 3
says 'did you mean epochs'
run 2 train --epochs
says 'epochs needs a value'
run 2 train --epochs three
says 'epochs'
run 2 train --precision f16
says 'auto|f32|bf16\|auto, f32'
run 2 train extra words
says 'one word too many'
run 2 unlearn --method gaa
says 'did you mean ga'
run 2 help unlearn gaa
says 'did you mean ga'
run 2 prune $small --method opm --out x
says 'did you mean omp'
run 2 train $small
says 'give --out DIR'
run 2 train $data --out x
says '--arch NAME'
run 2 train --arch resnet20 $data --out x
says 'resnet20s'
run 2 train --arch resnet20s --dataset cifar --out x
says 'cifar10'
run 2 unlearn --method ft --out x
says '--model RUN_OR_FILE'
run 2 unlearn --model x --out x
says '--method NAME'
run 2 predict --model x
is_not_there x

printf 'epochs: 3\nepochs: 4\n' >twice.yaml
run 2 train --config twice.yaml
says 'twice.yaml:2'
printf 'epochz: 3\n' >unknown.yaml
run 2 train --config unknown.yaml
says 'did you mean epochs'
run 3 train --config missing.yaml
says 'missing.yaml'

for shell in bash zsh fish; do
    run 0 completion $shell
    prints 'l1-sparse\|--gamma\|-l gamma'
done
run 0 completion bash
bash -n out || fail "the bash completion is no bash"
[ "$(grep -F '*,unlearn)' out | grep -o -e '--epochs' | wc -l)" -eq 1 ] || fail "an option of several methods, listed again"
run 2 completion tcsh
says 'fish'
