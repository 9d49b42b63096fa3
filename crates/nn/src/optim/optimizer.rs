//! What all optimizers have, written once.

/// An optimizer: the rule, the settings around it, and the methods that all of them have.
macro_rules! optimizer {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name {
            settings: $crate::optim::Settings,
            /// Whether weight decay stands apart from the gradient.
            decoupled: bool,
            /// What the state starts at.
            start: f64,
            rule: anygrad_graph::ops::$name,
        }

        impl $name {
            fn with(lr: f64, rule: anygrad_graph::ops::$name) -> Self {
                $name { settings: $crate::optim::Settings { lr, clip: None }, decoupled: true, start: 0.0, rule }
            }

            /// Has weight decay added to the gradient.
            #[allow(dead_code, reason = "rules that no library couples with decay do without")]
            fn coupled(self) -> Self {
                $name { decoupled: false, ..self }
            }

            /// Pulls parameters towards zero. By Keras's convention, and for AdamW and Lion, p shrinks by lr decay p
            /// before the step; by PyTorch's, decay p is added to the gradient.
            pub fn weight_decay(mut self, decay: f64) -> Self {
                self.rule.weight_decay = match self.decoupled {
                    _ if decay == 0.0 => anygrad_graph::ops::WeightDecay::None,
                    true => anygrad_graph::ops::WeightDecay::Decoupled(decay),
                    false => anygrad_graph::ops::WeightDecay::L2(decay),
                };
                self
            }

            /// Limits the gradients.
            pub fn clip(mut self, clip: $crate::optim::Clip) -> Self {
                self.settings.clip = Some(clip);
                self
            }
        }

        impl $crate::optim::Optimizer for $name {
            fn settings(&self) -> $crate::optim::Settings {
                self.settings
            }

            fn rule(&self) -> &dyn anygrad_graph::ops::UpdateRule {
                &self.rule
            }

            fn start(&self, _slot: &str) -> f64 {
                self.start
            }
        }
    };
}

/// The method of optimizers that divide.
macro_rules! epsilon {
    ($name:ident) => {
        impl $name {
            /// What keeps the divisor from 0.
            pub fn eps(mut self, eps: f64) -> Self {
                self.rule.epsilon = eps;
                self
            }
        }
    };
}
