//! `listeners`, `advertised.listeners` and what belongs to them.
//!
//! A file written for Apache Kafka names the controller's listener among the broker's: it is left out. Protocols other than
//! PLAINTEXT are refused rather than served without the protection that they promise.

use std::collections::BTreeMap;

use crate::config::ListenerConfig;
use crate::error::{BrokerError, Result};

/// What is read here and not by the table.
pub(super) const NAMES: &[&str] =
    &["listeners", "advertised.listeners", "controller.listener.names", "listener.security.protocol.map"];
const FORM: &str = "NAME://HOST:PORT, several separated by commas";

/// A listener's name and address.
type Named = (String, String);

fn invalid(name: &'static str, value: &str, expected: &'static str) -> BrokerError {
    BrokerError::InvalidConfig { name, value: value.to_owned(), expected }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// The listeners of the settings; none where they name none.
pub(super) fn read(settings: &BTreeMap<String, String>) -> Result<Option<Vec<ListenerConfig>>> {
    let value = |name: &str| settings.get(name).map(String::as_str).unwrap_or_default();
    let controllers: Vec<String> =
        words(value("controller.listener.names")).map(str::to_ascii_uppercase).collect();
    let is_own = |(name, _): &Named| !controllers.contains(name);
    let mut advertised = addresses("advertised.listeners", value("advertised.listeners"))?;
    advertised.retain(is_own);
    if !settings.contains_key("listeners") {
        let alone = "names of `listeners`, which has to be set as well";
        return if advertised.is_empty() {
            Ok(None)
        } else {
            Err(invalid("advertised.listeners", value("advertised.listeners"), alone))
        };
    }
    let bound = addresses("listeners", value("listeners"))?;
    let mut listeners = Vec::with_capacity(bound.len());
    for (name, bind) in bound.into_iter().filter(is_own) {
        check_protocol(&name, value("listener.security.protocol.map"))?;
        let place = advertised.iter().position(|(other, _)| *other == name);
        let told = place.map(|place| advertised.swap_remove(place).1);
        listeners.push(listener(name, bind, told)?);
    }
    match advertised.first() {
        Some(_) => {
            Err(invalid("advertised.listeners", value("advertised.listeners"), "names of `listeners`"))
        }
        None => Ok(Some(listeners)),
    }
}

/// A listener; without a host it listens on every interface and is advertised by the machine's name, as in Kafka.
fn listener(name: String, bind: String, advertised: Option<String>) -> Result<ListenerConfig> {
    if advertised.as_deref().is_some_and(|address| address.starts_with(':')) {
        return Err(invalid(
            "advertised.listeners",
            &advertised.unwrap_or_default(),
            "an address with a host",
        ));
    }
    let Some(port) = bind.strip_prefix(':') else { return Ok(ListenerConfig { name, bind, advertised }) };
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let advertised = advertised.unwrap_or_else(|| format!("{host}:{port}"));
    Ok(ListenerConfig { name, bind: format!("0.0.0.0:{port}"), advertised: Some(advertised) })
}

fn addresses(setting: &'static str, value: &str) -> Result<Vec<Named>> {
    let mut addresses: Vec<Named> = Vec::new();
    for word in words(value) {
        let parts = word.split_once("://");
        let (name, address) = parts.ok_or_else(|| invalid(setting, value, FORM))?;
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let name = name.to_ascii_uppercase();
        if name.is_empty() || !has_port {
            return Err(invalid(setting, value, FORM));
        }
        if addresses.iter().any(|(other, _)| *other == name) {
            return Err(invalid(setting, value, "listeners of different names"));
        }
        addresses.push((name, address.to_owned()));
    }
    Ok(addresses)
}

fn check_protocol(listener: &str, map: &str) -> Result<()> {
    let pairs = || words(map).filter_map(|pair| pair.split_once(':'));
    let mapped = pairs().find(|(name, _)| name.trim().eq_ignore_ascii_case(listener));
    // Kafka's default map gives every protocol the listener of its own name.
    let protocol = mapped.map_or(listener, |(_, protocol)| protocol.trim()).to_ascii_uppercase();
    let setting = "listener.security.protocol.map";
    match protocol.as_str() {
        "PLAINTEXT" => Ok(()),
        "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" => {
            let value = format!("{listener}:{protocol}");
            Err(invalid(setting, &value, "PLAINTEXT: this broker has no TLS and no SASL yet"))
        }
        _ => Err(invalid(setting, map, "a protocol for every name of `listeners`, such as NAME:PLAINTEXT")),
    }
}
