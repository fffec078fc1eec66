// SPDX-License-Identifier: LGPL-2.1-or-later
#include "guarded.h"

#include "lock.h"

#include <stdlib.h>

typedef struct {
    DLManagedTensor outer;
    DLManagedTensor* inner;
} Guarded;

typedef struct {
    struct DLManagedTensorVersioned outer;
    struct DLManagedTensorVersioned* inner;
} GuardedVersioned;

static void end_inner(void* inner) {
    DLManagedTensor* tensor = inner;
    tensor->deleter(tensor);
}

static void end_inner_versioned(void* inner) {
    struct DLManagedTensorVersioned* tensor = inner;
    tensor->deleter(tensor);
}

static void end(DLManagedTensor* outer) {
    Guarded* self = outer->manager_ctx;
    DLManagedTensor* inner = self->inner;
    free(self);
    if (inner->deleter) {
        cuframes_python_end(end_inner, inner);
    }
}

static void end_versioned(struct DLManagedTensorVersioned* outer) {
    GuardedVersioned* self = outer->manager_ctx;
    struct DLManagedTensorVersioned* inner = self->inner;
    free(self);
    if (inner->deleter) {
        cuframes_python_end(end_inner_versioned, inner);
    }
}

DLManagedTensor* cuframes_python_guard(DLManagedTensor* tensor) {
    Guarded* self = malloc(sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->outer = *tensor;
    self->outer.manager_ctx = self;
    self->outer.deleter = end;
    self->inner = tensor;
    return &self->outer;
}

struct DLManagedTensorVersioned* cuframes_python_guard_versioned(struct DLManagedTensorVersioned* tensor) {
    GuardedVersioned* self = malloc(sizeof(*self));
    if (!self) {
        return NULL;
    }
    self->outer = *tensor;
    self->outer.manager_ctx = self;
    self->outer.deleter = end_versioned;
    self->inner = tensor;
    return &self->outer;
}
