use anygrad_gpu::Session;
use anygrad_nn::Silent;
use anygrad_run::{Assembly, assemble, load_trainer};
use anygrad_store::{Checkpoint, Checkpoints, Keys, Options};

use crate::{LINE, given};

#[test]
fn a_model_comes_back_from_the_folder_of_its_run() {
    let given = given(LINE, &[]);
    let folder = given.folder.path();
    let session = Session::interpreter();
    let load = |session: &Session| load_trainer(folder, session, Keys::default(), None);
    let error = load(&session).err().unwrap().to_string();
    assert!(error.contains("there is no checkpoint"), "{error}");

    let Assembly { mut trainer, loaded, options } = assemble(&given.recipe, &session).unwrap();
    let part = (loaded.training.features(), loaded.training.targets());
    pollster::block_on(trainer.fit(part, None, &options, &mut Silent)).unwrap();
    let state = pollster::block_on(trainer.state()).unwrap();
    let progress = serde_json::to_value(&state.progress).unwrap();
    let meta = serde_json::json!({ "progress": progress, "recipe": given.recipe.to_toml() });
    let saved = Checkpoint { tensors: state.tensors, meta };
    Checkpoints::new(folder.join("checkpoints"), Options::default())
        .unwrap()
        .save(1, &saved, Some(0.5))
        .unwrap();

    let (recipe, mut back, refused) = load(&Session::interpreter()).unwrap();
    assert_eq!(recipe.to_toml(), given.recipe.to_toml());
    assert!(refused.is_empty());
    let x = loaded.test.as_ref().unwrap().features();
    let wanted = pollster::block_on(trainer.predict(x, 8)).unwrap();
    assert_eq!(pollster::block_on(back.trainer.predict(x, 8)).unwrap(), wanted);
}
