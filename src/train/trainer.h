/* trainer.h - the inside of a trainer, shared by its life (trainer.c) and its loop (epoch.c). */
#ifndef LETHE_TRAIN_TRAINER_H
#define LETHE_TRAIN_TRAINER_H

#include "checkpoint/training_state.h"
#include "data/loader.h"
#include "train/sgd.h"

enum { LETHE__MOST_FINDINGS = 16 };

struct lethe_trainer {
    lethe_model *model;
    lethe_samples val;
    const lethe_runtime *runtime;
    char *identity;
    int threads;
    lethe__executor *executor;
    lethe__training_state state;
    lethe_model *resumed; /* the model of the checkpoint, until its stage is reached; else NULL */
    int next_stage;       /* of the next fit */
    int keep_epoch;       /* what the next fit has been asked to keep; -1: nothing */
    lethe_finding findings[LETHE__MOST_FINDINGS];
    size_t n_findings;
    double counted_until;   /* clock up to which the seconds of `state` are counted */
    double last_checkpoint; /* clock */
    double last_progress;   /* clock; 0: none yet, so that the first step reports at once */
};

/* A fit under way. The position lies in trainer->state. */
typedef struct lethe__fit {
    lethe_trainer *trainer;
    const char *title;
    const lethe_fit_options *options;
    size_t n_samples, n_steps; /* of an epoch */
    lethe__loader *loader;
    lethe__loader *val_loader; /* NULL: no validation samples */
    float *diff_logits;        /* [batch, classes] */
    int keep_epoch;
} lethe__fit;

/* The coefficients of the steps of an epoch. */
lethe__sgd lethe__fit_sgd(const lethe_fit_options *options, int epoch);
/* Carries out what is left of the present epoch, records it and moves the position to the next. */
lethe_status lethe__fit_epoch(lethe__fit *fit);

/* Copies parameters and buffers for rewinding. */
lethe_status lethe__trainer_keep(lethe_trainer *trainer);
/* LETHE_INPUT: there are no samples, or they do not fit the model; `title` begins the sentence. */
lethe_status lethe__check_samples(const lethe_model *model, const char *title, lethe_samples samples);
/* Writes the checkpoint, if the runtime names one. */
lethe_status lethe__trainer_save(lethe_trainer *trainer);

#endif
