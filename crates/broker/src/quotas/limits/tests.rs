//! Precedence, by trying every set of quotas.

use super::*;

fn entity(user: Option<&str>, client_id: Option<&str>) -> QuotaEntity {
    let part = |name: Option<&str>| {
        name.map(|name| match name {
            "*" => QuotaName::Default,
            name => QuotaName::Named(name.to_owned()),
        })
    };
    QuotaEntity { user: part(user), client_id: part(client_id) }
}

/// From the most special one.
fn in_order() -> [QuotaEntity; 8] {
    [
        entity(Some("ann"), Some("app")),
        entity(Some("ann"), Some("*")),
        entity(Some("ann"), None),
        entity(Some("*"), Some("app")),
        entity(Some("*"), Some("*")),
        entity(Some("*"), None),
        entity(None, Some("app")),
        entity(None, Some("*")),
    ]
}

#[test]
fn of_every_set_of_quotas_the_most_special_one_holds() {
    let entities = in_order();
    for set in 0_u32..256 {
        let has = |place: usize| set & (1 << place) != 0;
        let quotas = entities.iter().enumerate().filter(|(place, _)| has(*place)).map(|(place, entity)| {
            let value = (place + 1).to_string();
            (entity.clone(), ConfigMap::from([("producer_byte_rate".to_owned(), value)]))
        });
        let limits = Limits::new(&quotas.collect());
        let expected = (0..8).find(|place| has(*place));
        let found = limits.of(QuotaKind::Produce, "ann", "app");
        assert_eq!(
            found.as_ref().map(|(limit, _)| *limit as usize),
            expected.map(|place| place + 1),
            "{set:b}"
        );
        if let (Some((_, sharers)), Some(place)) = (found, expected) {
            assert_eq!(sharers.user.is_some(), place < 6, "{set:b}");
            assert_eq!(sharers.client_id.is_some(), ![2, 5].contains(&place), "{set:b}");
        }
        assert_eq!(limits.of(QuotaKind::Fetch, "ann", "app"), None);
        assert_eq!(limits.kinds(), if set == 0 { 0 } else { QuotaKind::Produce.bit() });
    }
}

#[test]
fn others_have_the_defaults_only() {
    let value = |value: &str| ConfigMap::from([("request_percentage".to_owned(), value.to_owned())]);
    let quotas =
        in_order().into_iter().enumerate().map(|(place, entity)| (entity, value(&place.to_string())));
    let limits = Limits::new(&quotas.collect());
    let limit = |user, client_id| limits.of(QuotaKind::Request, user, client_id).map(|(limit, _)| limit);
    assert_eq!(limit("bob", "app"), Some(3.0));
    assert_eq!(limit("bob", "other"), Some(4.0));
    assert_eq!(limit("ann", "other"), Some(1.0));
}
