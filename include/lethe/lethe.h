/* lethe.h - the whole public interface of lethe: machine unlearning in C.
 *
 * Train a network, make it sparse, take one class out of it, and see how close that comes to training anew:
 *
 *     lethe_runtime runtime;
 *     lethe_runtime_defaults(&runtime);
 *     lethe_train_job train;
 *     lethe_train_job_defaults(&train);
 *     train.model.arch = "resnet20s";
 *     train.run.out = "runs/dense";
 *     lethe_run_result result;
 *     lethe_status status = lethe_train_job_run(&train, &runtime, &result);
 *
 *     lethe_unlearn_job unlearn;
 *     lethe_unlearn_job_defaults(&unlearn);
 *     unlearn.model.model = "runs/dense";
 *     unlearn.data.name = NULL;  // those of the run
 *     unlearn.forget = "class=3";
 *     unlearn.method = "ga";
 *     unlearn.run.out = "runs/ga";
 *     if (status == LETHE_OK)
 *         status = lethe_unlearn_job_run(&unlearn, &runtime, &result);
 *     if (status != LETHE_OK)
 *         fprintf(stderr, "%s\n", lethe_last_message());
 *
 * The parts that jobs are made of (data sets, models, trainers, methods, metrics) are public as well. */
#ifndef LETHE_LETHE_H
#define LETHE_LETHE_H

#include <lethe/analyze.h>
#include <lethe/data.h>
#include <lethe/evaluate.h>
#include <lethe/machine.h>
#include <lethe/model.h>
#include <lethe/options.h>
#include <lethe/prune.h>
#include <lethe/report.h>
#include <lethe/run.h>
#include <lethe/runtime.h>
#include <lethe/status.h>
#include <lethe/train.h>
#include <lethe/unlearn.h>
#include <lethe/version.h>

#endif
