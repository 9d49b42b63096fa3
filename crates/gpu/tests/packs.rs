//! States that are updated in one step: the numbers are those of updates one by one, whatever other
//! programs of the session make of the states, on the software adapter (or `ANYGRAD_ADAPTER`).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, Program, Session};
use anygrad_graph::ops::{
    Adadelta, Adagrad, Adam, Adamax, Convention, Lion, Nadam, RmsProp, Sgd, UpdateRule, WeightDecay,
};
use anygrad_graph::{Fill, Graph, Tensor};
use anygrad_plan::{Action, Options, Role};
use pollster::block_on;

/// Parameters of odd sizes, one with a single element, some alike.
const SIZES: [&[usize]; 7] = [&[1], &[3], &[5, 7], &[64], &[257], &[3], &[40, 33]];

const APART: Options = Options { pack: false, ..Options::DEFAULT };

fn session() -> Session {
    block_on(Session::open(&Choice::from_env_or(Choice::Software))).expect("these tests need an adapter")
}

fn name(i: usize) -> String {
    format!("w{i}")
}

/// What all parameters together make of x: finite where they are.
fn model<'g>(graph: &'g Graph) -> Tensor<'g> {
    let x = graph.input("x", &[], DType::F32);
    let part = |i: usize| (graph.state(&name(i), SIZES[i]) * x + 0.3).tanh().square().mean_all();
    (1..SIZES.len()).fold(part(0), |sum, i| sum + part(i))
}

/// A step of training; the loss is its output.
fn train(session: &Session, rule: &dyn UpdateRule, options: Options) -> Program {
    let graph = Graph::new();
    let loss = model(&graph);
    let parameters: Vec<_> = (0..SIZES.len()).map(|i| graph.find(&name(i)).unwrap()).collect();
    let slopes = graph.gradients(loss, &parameters);
    let step = graph.state("step", &[]);
    let next_step = step + 1.0;
    for (i, (w, slope)) in parameters.into_iter().zip(slopes).enumerate() {
        let slots = rule.slots().into_iter();
        let state: Vec<_> = slots.map(|slot| graph.state(&format!("w{i}.{slot}"), SIZES[i])).collect();
        let next = rule.update(w, slope, &state, graph.scalar(0.05), next_step);
        [w].into_iter().chain(state).zip(next).for_each(|(old, new)| graph.update(old, new));
    }
    graph.update(step, next_step);
    session.compile_with(&graph, &[loss], options).unwrap()
}

fn show(session: &Session) -> Program {
    let graph = Graph::new();
    session.compile(&graph, &[model(&graph)]).unwrap()
}

fn start(session: &Session) {
    for (i, sizes) in SIZES.iter().enumerate() {
        let numbers = Fill::Uniform(-1.0, 1.0).numbers(sizes.iter().product(), i as u64);
        let numbers: Vec<f32> = numbers.into_iter().map(|x| x as f32).collect();
        session.write_state(&name(i), &Array::f32(sizes, numbers).unwrap()).unwrap();
    }
}

fn run(program: &mut Program, x: f32) -> f32 {
    program.write("x", &Array::scalar(x)).unwrap();
    program.run().unwrap();
    loss_of(program)
}

fn loss_of(program: &Program) -> f32 {
    block_on(program.read(0)).unwrap().as_f32().unwrap()[0]
}

/// The bits of all states.
fn states(session: &Session) -> Vec<(String, Vec<u8>)> {
    let states = session.states().into_iter();
    states
        .map(|(name, _)| (name.clone(), block_on(session.read_state(&name)).unwrap().bytes().to_vec()))
        .collect()
}

fn rules() -> Vec<Box<dyn UpdateRule>> {
    let decay = WeightDecay::Decoupled(0.01);
    vec![
        Box::<Sgd>::default(),
        Box::new(Sgd { momentum: 0.9, nesterov: true, weight_decay: decay, convention: Convention::PyTorch }),
        Box::<Adagrad>::default(),
        Box::<RmsProp>::default(),
        Box::new(RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() }),
        Box::new(Adam { weight_decay: decay, ..Adam::default() }),
        Box::new(Adam { amsgrad: true, convention: Convention::PyTorch, ..Adam::default() }),
        Box::<Adadelta>::default(),
        Box::<Adamax>::default(),
        Box::<Lion>::default(),
        Box::<Nadam>::default(),
    ]
}

/// Dispatches of the program's update kernels.
fn updates(program: &Program) -> usize {
    let is_update = |action: &&Action| {
        matches!(action, Action::Dispatch { kernel, .. }
        if ["sgd", "adagrad", "rmsprop", "adam", "adadelta", "adamax", "lion", "nadam"].contains(kernel))
    };
    program.plan().unwrap().steps.iter().flat_map(|step| &step.actions).filter(is_update).count()
}

#[test]
fn joined_updates_give_the_same_bits() {
    for rule in rules() {
        let (joined, apart) = (session(), session());
        let (mut a, mut b) = (train(&joined, &*rule, Options::default()), train(&apart, &*rule, APART));
        // Plain descent has no kernel: it is an expression, which fuses.
        let count = if rule.slots().is_empty() { (0, 0) } else { (1, SIZES.len()) };
        assert_eq!((updates(&a), updates(&b)), count, "{rule:?}");
        start(&joined);
        start(&apart);
        for step in 0..6 {
            let x = 0.7 + 0.1 * step as f32;
            assert_eq!(run(&mut a, x).to_bits(), run(&mut b, x).to_bits(), "{rule:?}, step {step}");
        }
        assert_eq!(states(&joined), states(&apart), "{rule:?}");
    }
}

#[test]
fn programs_share_states_that_one_of_them_packs() {
    let (session, apart) = (session(), session());
    let rule = Adam::default();
    // The session's states stand alone first, and move when the step is compiled.
    let mut shown = show(&session);
    start(&session);
    let mut step = train(&session, &rule, Options::default());
    let mut alone = train(&session, &rule, APART);
    let mut late = show(&session);
    let (mut want_step, mut want) = (train(&apart, &rule, APART), show(&apart));
    start(&apart);
    for round in 0..3 {
        let x = 0.5 + round as f32;
        // Packed and not, in turns: the states move each time.
        for program in [&mut step, &mut alone] {
            assert_eq!(run(program, x).to_bits(), run(&mut want_step, x).to_bits(), "round {round}");
            let wanted = run(&mut want, x).to_bits();
            assert_eq!(run(&mut shown, x).to_bits(), wanted, "round {round}");
            assert_eq!(run(&mut late, x).to_bits(), wanted, "round {round}");
        }
        assert_eq!(states(&session), states(&apart));
        for session in [&session, &apart] {
            session.write_state("w2", &Array::f32(&[5, 7], vec![0.25 * x; 35]).unwrap()).unwrap();
        }
        assert_eq!(states(&session), states(&apart));
    }
}

#[test]
fn a_program_writes_one_state_of_anothers_pack_and_reads_the_next() {
    let (session, apart) = (session(), session());
    let rule = Sgd { momentum: 0.9, ..Sgd::default() };
    let mut programs = Vec::new();
    for (session, options) in [(&session, Options::default()), (&apart, APART)] {
        let step = train(session, &rule, options);
        start(session);
        let graph = Graph::new();
        // A pointwise step, a copy, and a kernel: w1 and w5 have the same shape.
        let (w1, w3, w5) = (graph.state("w1", &[3]), graph.state("w3", &[64]), graph.state("w5", &[3]));
        graph.update(w1, w1 * 0.5 + w5);
        graph.update(graph.state("w0", &[1]), w3.reshape(&[1, 64]).sum(&[1], false));
        graph.update(graph.state("w2", &[5, 7]), w3.narrow(0, 0..35).reshape(&[5, 7]));
        programs.push((step, session.compile_with(&graph, &[], options).unwrap()));
    }
    for _ in 0..3 {
        for (step, mix) in &mut programs {
            run(step, 0.5);
            mix.run().unwrap();
        }
        assert_eq!(states(&session), states(&apart));
    }
}

#[test]
fn two_packing_programs_agree() {
    let session = session();
    let rule = Adam::default();
    let mut one = train(&session, &rule, Options::default());
    start(&session);
    let first = run(&mut one, 0.5);
    // As for another size of batch; states stay where they are, so nothing of `one` is bound anew.
    let mut two = train(&session, &rule, Options::default());
    let second = run(&mut two, 0.5);
    let third = run(&mut one, 0.5);
    assert!(first > second && second > third, "{first} {second} {third}");
}

#[test]
fn one_action_after_the_other_is_the_same_run() {
    let (session, other) = (session(), session());
    let rule = Adam::default();
    let mut one = train(&session, &rule, Options::default());
    let mut two = train(&other, &rule, Options::default());
    start(&session);
    start(&other);
    let graph = Graph::new();
    let w = graph.state("w1", &[3]);
    graph.update(w, w * 1.0);
    let mut mover = session.compile(&graph, &[]).unwrap();
    one.write("x", &Array::scalar(0.5)).unwrap();
    let mut actions = 0;
    // What hears of an action may use the session, and take a state out of its pack.
    let mut after = || {
        mover.run().unwrap();
        block_on(session.read_state("w1")).unwrap();
        actions += 1;
    };
    one.run_step_by_step(&mut |_, _| after()).unwrap();
    assert_eq!(actions, one.plan().unwrap().steps.iter().map(|step| step.actions.len()).sum::<usize>());
    run(&mut two, 0.5);
    assert_eq!(states(&session), states(&other));
}

#[test]
fn the_host_updates_what_the_adapter_may_not() {
    let rule = Adam::default();
    let host = session().excluding(&["adam".into()]);
    let mut on_host = train(&host, &rule, Options::default());
    assert!(on_host.plan().unwrap().to_string().contains("adam on the host"));
    let device = session();
    let mut on_device = train(&device, &rule, Options::default());
    start(&host);
    start(&device);
    for _ in 0..3 {
        let (got, want) = (run(&mut on_host, 0.5), run(&mut on_device, 0.5));
        assert!((got - want).abs() < 1e-6, "{got}, {want}");
    }
}

#[test]
fn what_stands_between_the_members_is_never_seen() {
    let (session, apart) = (session(), session());
    let mut runs = Vec::new();
    for (session, options) in [(&session, Options::default()), (&apart, APART)] {
        let graph = Graph::new();
        // Infinities and NaN in the memory that the gradients take later, and none in any result.
        let huge = graph.input("huge", &[40, 40], DType::F32);
        let noise = huge.matmul(huge.t()).matmul(huge);
        let x = noise.gt(noise).select(noise, graph.scalar(0.5)).sum_all() / 1600.0;
        let loss = (0..SIZES.len())
            .map(|i| (graph.state(&name(i), SIZES[i]) * x + 0.3).tanh().square().mean_all())
            .reduce(|sum, part| sum + part)
            .unwrap();
        let parameters: Vec<_> = (0..SIZES.len()).map(|i| graph.find(&name(i)).unwrap()).collect();
        for (i, slope) in graph.gradients(loss, &parameters).into_iter().enumerate() {
            let v = graph.state(&format!("w{i}.v"), SIZES[i]);
            let rule = Sgd { momentum: 0.9, ..Sgd::default() };
            let next = rule.update(parameters[i], slope, &[v], graph.scalar(0.05), graph.scalar(1.0));
            graph.update(parameters[i], next[0]);
            graph.update(v, next[1]);
        }
        let mut program = session.compile_with(&graph, &[loss], options).unwrap();
        start(session);
        let signs = (0..1600).map(|i| if i % 3 == 0 { -1e30f32 } else { 1e30 });
        let huge = Array::f32(&[40, 40], signs.collect::<Vec<_>>()).unwrap();
        program.write("huge", &huge).unwrap();
        for _ in 0..3 {
            program.run().unwrap();
        }
        if options.pack {
            let plan = program.plan().unwrap();
            let gradients = plan.slots.iter().filter(|slot| matches!(slot.role, Role::Working));
            let pack = gradients.filter_map(|slot| slot.part).next().unwrap().of;
            assert!(plan.steps[..4].iter().any(|step| step.writes.contains(&pack)), "{plan}");
        }
        let inputs = [("huge".to_string(), Array::zeros(huge.shape(), DType::F32))];
        assert!(block_on(session.find_nonfinite(&graph, &[loss], &inputs)).unwrap().is_none());
        runs.push(loss_of(&program));
    }
    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].is_finite());
    assert_eq!(states(&session), states(&apart));
}

#[test]
fn a_nan_in_one_parameter_stays_there() {
    let session = session();
    let mut step = train(&session, &Adam::default(), Options::default());
    start(&session);
    session.write_state("w3.m", &Array::f32(&[64], vec![f32::NAN; 64]).unwrap()).unwrap();
    run(&mut step, 0.5);
    for (name, bytes) in states(&session) {
        let array = block_on(session.read_state(&name)).unwrap();
        let nan = array.as_f32().unwrap().iter().any(|x| x.is_nan());
        assert_eq!(nan, name == "w3" || name == "w3.m", "{name}, {} bytes", bytes.len());
    }
    let graph = Graph::new();
    let loss = model(&graph);
    let found = block_on(session.find_nonfinite(&graph, &[loss], &[("x".into(), Array::scalar(0.5))]));
    assert_eq!(found.unwrap().unwrap().op, "state \"w3\"");
}

#[test]
fn states_move_between_the_runs_of_other_threads() {
    let (session, apart) = (session(), session());
    let rule = Sgd { momentum: 0.9, ..Sgd::default() };
    let mut step = train(&session, &rule, Options::default());
    let mut want = train(&apart, &rule, APART);
    start(&session);
    start(&apart);
    let graph = Graph::new();
    let states_of = ["w1", "w5.velocity"].map(|name| graph.state(name, &[3]));
    states_of.into_iter().for_each(|state| graph.update(state, state * 1.0));
    let mut mover = session.compile(&graph, &[]).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..40).for_each(|_| mover.run().unwrap()));
        scope.spawn(|| (0..40).for_each(|_| drop(block_on(session.read_state("w1")).unwrap())));
        for i in 0..40 {
            run(&mut step, 0.1 * i as f32);
        }
    });
    for i in 0..40 {
        run(&mut want, 0.1 * i as f32);
    }
    assert_eq!(states(&session), states(&apart));
}
