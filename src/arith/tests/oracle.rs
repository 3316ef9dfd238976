//! The same arithmetic by crypto-bigint.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use rug::Integer;
use rug::integer::Order;

use crate::arith::Modulus;

pub(super) struct Oracle(BoxedMontyParams);

impl Oracle {
    pub fn new(modulus: &Modulus) -> Oracle {
        Oracle(BoxedMontyParams::new(Odd::new(uint(modulus.value(), modulus.bits())).expect("moduli are odd")))
    }

    pub fn product(&self, a: &Integer, b: &Integer) -> Integer {
        number(&self.form(a).mul(&self.form(b)))
    }

    pub fn power(&self, base: &Integer, exponent: &Integer) -> Integer {
        let bits = exponent.significant_bits().max(1);
        number(&self.form(base).pow(&uint(exponent, bits)))
    }

    fn form(&self, value: &Integer) -> BoxedMontyForm {
        BoxedMontyForm::new(uint(value, self.0.modulus().bits_precision()), &self.0)
    }
}

fn uint(value: &Integer, bits: u32) -> BoxedUint {
    let mut words = value.to_digits::<u64>(Order::Lsf);
    words.resize(bits.div_ceil(64) as usize, 0);
    BoxedUint::from_words(words)
}

fn number(form: &BoxedMontyForm) -> Integer {
    Integer::from_digits(form.retrieve().as_words(), Order::Lsf)
}
