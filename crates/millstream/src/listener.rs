//! Listener addresses on the command line: `[NAME://]HOST:PORT[,advertised=HOST:PORT]`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host name or address, and a port. IPv6 addresses stand in brackets in text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    /// Without brackets.
    pub(crate) host: String,
    /// 0 lets the system choose.
    pub(crate) port: u16,
}

impl HostPort {
    /// Whether only this machine can reach the address.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether the address means "every interface", which no client can connect to.
    pub(crate) fn is_unspecified(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) =
            text.rsplit_once(':').ok_or_else(|| format!("`{text}` lacks a port: write HOST:PORT"))?;
        let port = port.parse().map_err(|_| format!("`{port}` is not a port (0 to 65535)"))?;
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(format!("`{text}` lacks a host: write for example 127.0.0.1:{port}"));
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// One listener of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KafkaListener {
    /// Its name, `PLAINTEXT` unless given.
    pub(crate) name: String,
    /// Where it listens.
    pub(crate) bind: HostPort,
    /// What clients are told to connect to; the bound address unless given.
    pub(crate) advertised: Option<HostPort>,
}

impl FromStr for KafkaListener {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (listener, option) = match text.split_once(',') {
            Some((listener, option)) => (listener, Some(option)),
            None => (text, None),
        };
        let (name, address) = listener.split_once("://").unwrap_or(("PLAINTEXT", listener));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(format!("`{name}` is not a listener name: use letters, digits, `_` and `-`"));
        }
        let bind: HostPort = address.parse()?;
        let advertised = option.map(advertised).transpose()?;
        if bind.is_unspecified() && advertised.is_none() {
            return Err(format!(
                "`{bind}` listens on every interface, but clients need one address: add `,advertised=HOST:PORT`"
            ));
        }
        Ok(Self { name: name.to_ascii_uppercase(), bind, advertised })
    }
}

fn advertised(option: &str) -> Result<HostPort, String> {
    let address = option.strip_prefix("advertised=").ok_or_else(|| {
        format!("`{option}` is not an option of a listener: only `advertised=HOST:PORT` is")
    })?;
    let address: HostPort = address.parse()?;
    if address.is_unspecified() {
        return Err(format!(
            "clients cannot connect to `{address}`: advertise an address that they can reach"
        ));
    }
    Ok(address)
}

#[cfg(test)]
mod tests;
