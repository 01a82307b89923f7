//! [`Cidr`]: an address range.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An address and the length of its network's prefix: `10.0.0.0/16`, `2001:db8::/32`.
///
/// Spellings of one IPv6 address are the same. Bits behind the prefix may be set, as in
/// `10.0.0.7/16`, and count: [`Cidr::network`] clears them.
///
/// ```
/// use tfplugin_rs::types::Cidr;
///
/// let range: Cidr = "10.0.0.7/16".parse()?;
/// assert_eq!(range.network().to_string(), "10.0.0.0/16");
/// assert!(range.contains("10.0.255.1".parse().unwrap()));
/// # Ok::<(), tfplugin_rs::types::CidrError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a [`Cidr`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidrError {
    /// The part before the slash.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// There is no slash.
    #[error("a prefix length such as /24 is missing")]
    NoPrefix,
    /// The part after the slash.
    #[error("{0:?} is not a prefix length from 0 to {1}")]
    Prefix(String, u8),
}

impl Cidr {
    /// From an address and a prefix length in bits.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, CidrError> {
        let most = width(address);
        if prefix > most {
            return Err(CidrError::Prefix(prefix.to_string(), most));
        }
        Ok(Self { address, prefix })
    }

    /// The address as written.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// The length of the prefix in bits.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The same range with the bits behind the prefix cleared.
    #[must_use]
    pub fn network(&self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => IpAddr::V4((address.to_bits() & self.mask_v4()).into()),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & self.mask_v6()).into()),
        };
        Self { address, ..*self }
    }

    /// True if `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                (own.to_bits() ^ other.to_bits()) & self.mask_v4() == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                (own.to_bits() ^ other.to_bits()) & self.mask_v6() == 0
            }
            _ => false,
        }
    }

    fn mask_v4(&self) -> u32 {
        u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0)
    }

    fn mask_v6(&self) -> u128 {
        u128::MAX
            .checked_shl(128 - u32::from(self.prefix))
            .unwrap_or(0)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let (address, prefix) = text.split_once('/').ok_or(CidrError::NoPrefix)?;
        let address: IpAddr = address
            .parse()
            .map_err(|_| CidrError::Address(address.to_owned()))?;
        let refused = || CidrError::Prefix(prefix.to_owned(), width(address));
        let is_plain = !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_digit());
        let bits = prefix
            .parse()
            .ok()
            .filter(|_| is_plain)
            .ok_or_else(refused)?;
        Self::new(address, bits).map_err(|_| refused())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn spellings_of_one_range_are_equal() {
        assert_eq!(cidr("2001:db8::/32"), cidr("2001:0DB8:0:0::/32"));
        assert_ne!(cidr("10.0.0.0/16"), cidr("10.0.0.0/17"));
        assert_ne!(cidr("10.0.0.1/16"), cidr("10.0.0.0/16"));
        assert_eq!(cidr("10.0.0.1/16").network(), cidr("10.0.0.0/16"));
        assert_eq!(cidr("::1/0").network(), cidr("::/0"));
        assert_eq!(cidr("10.1.2.3/32").network(), cidr("10.1.2.3/32"));
    }

    #[test]
    fn ranges_contain_addresses_of_their_kind() {
        for (range, address, contains) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("1.2.3.4/32", "1.2.3.5", false),
        ] {
            assert_eq!(
                cidr(range).contains(address.parse().unwrap()),
                contains,
                "{range}"
            );
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        use CidrError::{Address, NoPrefix, Prefix};
        for (text, error) in [
            ("10.0.0.0", NoPrefix),
            ("10.0.0/8", Address("10.0.0".into())),
            ("010.0.0.0/8", Address("010.0.0.0".into())),
            ("10.0.0.0/33", Prefix("33".into(), 32)),
            ("::/129", Prefix("129".into(), 128)),
            ("::/", Prefix(String::new(), 128)),
            ("::/+8", Prefix("+8".into(), 128)),
            ("::/8/8", Prefix("8/8".into(), 128)),
            ("::/999", Prefix("999".into(), 128)),
        ] {
            assert_eq!(text.parse::<Cidr>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_displayed_is_read_back(address: IpAddr, prefix in 0_u8..=128) {
            if let Ok(range) = Cidr::new(address, prefix) {
                prop_assert_eq!(range.to_string().parse(), Ok(range));
                prop_assert!(range.contains(range.network().address()));
            }
        }
    }
}
