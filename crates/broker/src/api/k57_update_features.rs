//! UpdateFeatures (57), versions 0 to 2: levels of features (KIP-584). Version 1 tells safe from unsafe downgrades, 2 answers for
//! all features at once: one that is refused refuses all.
//!
//! Deviation: a single broker has every feature at its highest level and keeps it there, so that a downgrade, which Kafka
//! would do for some features, is refused.

use std::sync::Arc;

use millstream_wire::ErrorCode;
use millstream_wire::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::{Api, Call, Refusal, Reply, serve};
use crate::core::Core;
use crate::features::FEATURES;

pub(super) const API: Api = Api::whole::<UpdateFeaturesRequest>(|core, call| serve(core, call, handle));

/// The first version that says what kind of change is meant, instead of whether it may be a downgrade.
const UPGRADE_TYPES_SINCE: i16 = 1;
/// The first version with one answer for all features.
const ONE_ANSWER_SINCE: i16 = 2;
const UPGRADE: i8 = 1;

fn handle(core: &Arc<Core>, call: &Call, request: UpdateFeaturesRequest) -> Reply<UpdateFeaturesResponse> {
    let outcomes: Vec<(String, Result<(), Refusal>)> = request
        .feature_updates
        .into_iter()
        .map(|update| {
            let is_upgrade = if call.version() >= UPGRADE_TYPES_SINCE {
                update.upgrade_type == UPGRADE
            } else {
                !update.allow_downgrade
            };
            let outcome = check(core.config.node_id, &update, is_upgrade);
            (update.feature, outcome)
        })
        .collect();
    let mut response = UpdateFeaturesResponse::default();
    if call.version() >= ONE_ANSWER_SINCE {
        let refused = outcomes.into_iter().find_map(|(feature, outcome)| Some((feature, outcome.err()?)));
        if let Some((feature, refusal)) = refused {
            let (code, message) = refusal.into_parts();
            let why = message.unwrap_or_default();
            response.error_code = code;
            response.error_message = Some(format!(
                "The update failed for all features since the following feature had an error: {feature}: {why}"
            ));
        }
        return Reply::Now(response);
    }
    let result = |(feature, outcome): (String, Result<(), Refusal>)| {
        let (error_code, error_message) = outcome.err().map_or((0, None), Refusal::into_parts);
        UpdatableFeatureResult { feature, error_code, error_message }
    };
    response.results = outcomes.into_iter().map(result).collect();
    Reply::Now(response)
}

fn check(node: i32, update: &FeatureUpdateKey, is_upgrade: bool) -> Result<(), Refusal> {
    let (name, level) = (&update.feature, update.max_version_level);
    let refused = |why: String| {
        let message = format!("Invalid update version {level} for feature {name}. {why}");
        Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message))
    };
    let Some(feature) = FEATURES.iter().find(|feature| feature.name == *name) else {
        return refused(format!("Local controller {node} does not support this feature."));
    };
    let (least, most) = (feature.level_min, feature.level_max);
    if level == most {
        return Ok(());
    }
    if !(least..=most).contains(&level) {
        return refused(format!("Local controller {node} only supports versions {least}-{most}"));
    }
    if is_upgrade {
        let why = "Can't downgrade the version of this feature without setting the upgrade type to either safe or \
                   unsafe downgrade.";
        return refused(why.to_owned());
    }
    refused("This broker keeps every feature at its highest level.".to_owned())
}
