//! The four programs as recipes: the same graphs, the same data, the same losses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad::core::DType;
use anygrad::gpu::Session;
use anygrad::graph::{Graph, Origin};
use anygrad::nn::{
    Adam, FitOptions, Layer, Loss, Mode, Optimizer, Scope, Sequential, Sgd, Silent, Trainer, minimize,
};
use anygrad::recipe::{Recipe, print_recipe};
use anygrad_examples::parts::Parts;
use anygrad_examples::{cnn, linear_regression, logistic_regression, lstm};

/// One step of training: states and how they start, nodes, and what is written back.
fn told(
    model: &dyn Layer,
    loss: &Loss,
    optimizer: &dyn Optimizer,
    features: &[usize],
    outputs: usize,
) -> String {
    let graph = Graph::new();
    let mut scope = Scope::new(&graph, Mode::Train, 1);
    let x = graph.input("features", &[&[32], features].concat(), DType::F32);
    let predictions = scope.model(model, x);
    let y = match loss.takes_classes() {
        true => graph.input("targets", &[32], DType::I32),
        false => graph.input("targets", &[32, outputs], DType::F32),
    };
    let loss = scope.penalized(loss.mean(predictions, y));
    minimize(&mut scope, optimizer, loss);
    graph.check().unwrap();
    let mut text = String::new();
    for id in graph.ids() {
        match graph.origin(id) {
            Origin::Node(..) => {}
            other => text += &format!("{id:?} {} {other:?}\n", graph.meta(id)),
        }
    }
    for node in graph.nodes() {
        text += &format!("{:?} = {:?} of {:?} in {:?}\n", node.outputs, node.op, node.inputs, node.label);
    }
    for parameter in scope.parameters() {
        text += &format!("{parameter:?}\n");
    }
    text + &format!("{:?}", graph.updates())
}

fn recipe(name: &str) -> Recipe {
    Recipe::parse(print_recipe(name).unwrap(), name).unwrap()
}

#[test]
fn a_step_of_each_program_is_that_of_its_recipe() {
    let programs: [(&str, Sequential, Loss, Box<dyn Optimizer>); 4] = [
        (linear_regression::NAME, linear_regression::model(), Loss::mse(), Box::new(Sgd::new(0.05))),
        (
            logistic_regression::NAME,
            logistic_regression::model(),
            Loss::binary_cross_entropy(),
            Box::new(Adam::new(0.01)),
        ),
        (cnn::NAME, cnn::model(10), Loss::sparse_cross_entropy(), Box::new(Adam::new(1e-3))),
        (lstm::NAME, lstm::model(), Loss::mse(), Box::new(Adam::new(2e-3))),
    ];
    for (name, model, loss, optimizer) in programs {
        let recipe = recipe(name);
        let sizes = recipe.load().unwrap().sizes;
        let parts = recipe.build(&sizes).unwrap();
        let of_recipe = told(&parts.model, &parts.loss, &*parts.optimizer, &sizes.features, sizes.outputs);
        let of_program = told(&model, &loss, &*optimizer, &sizes.features, sizes.outputs);
        assert_eq!(of_recipe, of_program, "{name}");
        assert!(of_program.lines().count() > 10, "{of_program}");
        assert!(parts.schedule.is_none() && parts.plateau.is_none());
        // Epochs, batch and seed.
        let (training, defaults) = (&recipe.settings().training, anygrad_examples::defaults(name).unwrap());
        assert_eq!(
            (training.epochs, training.batch_size, training.seed),
            (defaults.epochs, defaults.batch_size, defaults.seed)
        );
    }
}

#[test]
fn the_data_of_a_recipe_are_those_of_its_program_to_the_bit() {
    for (name, parts) in [
        (linear_regression::NAME, Parts::regression(None, 1).unwrap().standardized().unwrap().0),
        (logistic_regression::NAME, Parts::two_classes(None, 1).unwrap().standardized().unwrap().0),
        (cnn::NAME, Parts::images(None, 1).unwrap()),
    ] {
        let loaded = recipe(name).load().unwrap();
        // Not assert_eq, which would print all of them.
        assert!(loaded.training == parts.training, "{name}: the training parts differ");
        assert!(loaded.validation == Some(parts.validation), "{name}: the validation parts differ");
        assert!(loaded.test == Some(parts.test), "{name}: the test parts differ");
    }
}

#[test]
fn a_recipe_trains_to_the_losses_of_its_program() {
    let recipe = recipe(linear_regression::NAME);
    let loaded = recipe.load().unwrap();
    let parts = recipe.build(&loaded.sizes).unwrap();
    let training = &recipe.settings().training;
    let options = FitOptions { epochs: 3, batch_size: training.batch_size, ..FitOptions::default() };
    let data = (loaded.training.features(), loaded.training.targets());
    let mut of_recipe =
        Trainer::new(Session::interpreter(), parts.model, parts.loss, parts.optimizer).seed(training.seed);
    let mut of_program =
        Trainer::new(Session::interpreter(), linear_regression::model(), Loss::mse(), Sgd::new(0.05)).seed(1);
    let ours = pollster::block_on(of_recipe.fit(data, None, &options, &mut Silent)).unwrap().losses();
    let theirs = pollster::block_on(of_program.fit(data, None, &options, &mut Silent)).unwrap().losses();
    assert_eq!(ours, theirs);
    assert!(ours[2] < 0.2 * ours[0], "{ours:?}");
}
