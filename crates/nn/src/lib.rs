//! Layers, losses, optimizers, metrics and the trainer of anygrad.
