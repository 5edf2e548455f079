//! AND, OR and CASE, evaluated only where the answer is still open.
//!
//! An operand that cannot fail is evaluated over all rows, which costs less than cutting rows out. One that can is
//! evaluated over the undecided rows alone: `i <> 0 AND 100 / i > 1` never divides by zero.

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;
use arrow_select::interleave::interleave;
use millstream_engine::expression::EvaluationError;

use super::evaluate::Rows;
use super::{Expr, Operand};

/// AND (`decisive` false) or OR (`decisive` true): one operand with the decisive value settles a row.
pub(super) fn conjunction(
    operands: &[Expr],
    rows: &Rows<'_>,
    decisive: bool,
) -> Result<Operand, EvaluationError> {
    let Some((first, rest)) = operands.split_first() else {
        return Ok(Operand::Constant(std::sync::Arc::new(BooleanArray::from(vec![!decisive]))));
    };
    let mut result = first.booleans(rows)?;
    for operand in rest {
        let settled = count(&result, decisive);
        if settled == rows.count {
            break;
        }
        let value = if settled > 0 && operand.is_fallible() {
            spread(operand, rows, &undecided(&result, decisive), decisive)?
        } else {
            operand.booleans(rows)?
        };
        result = if decisive {
            arrow_arith::boolean::or_kleene(&result, &value)?
        } else {
            arrow_arith::boolean::and_kleene(&result, &value)?
        };
    }
    Ok(Operand::Column(std::sync::Arc::new(result)))
}

/// How many values are `wanted`, nulls not counted.
fn count(values: &BooleanArray, wanted: bool) -> usize {
    if wanted { values.true_count() } else { values.false_count() }
}

/// The rows that are null or not decisive.
fn undecided(values: &BooleanArray, decisive: bool) -> BooleanBuffer {
    let open = if decisive { !values.values() } else { values.values().clone() };
    match values.nulls() {
        Some(nulls) => &open | &!nulls.inner(),
        None => open,
    }
}

/// Evaluates over the open rows; the settled ones get the decisive value, which changes nothing.
fn spread(
    operand: &Expr,
    rows: &Rows<'_>,
    open: &BooleanBuffer,
    decisive: bool,
) -> Result<BooleanArray, EvaluationError> {
    let selected = rows.select(&BooleanArray::new(open.clone(), None), operand)?;
    let values = operand.booleans(&selected)?;
    let mut next = 0;
    let spread = open.iter().map(|is_open| {
        if !is_open {
            return Some(decisive);
        }
        let index = next;
        next += 1;
        values.is_valid(index).then(|| values.value(index))
    });
    Ok(spread.collect())
}

/// Where a row of a CASE finds its value: in which piece, and at which place there.
type Place = (usize, usize);

/// CASE: the pieces are the branches' values over the rows that chose them.
pub(super) fn case(
    branches: &[(Expr, Expr)],
    otherwise: &Expr,
    rows: &Rows<'_>,
) -> Result<Operand, EvaluationError> {
    let mut pieces: Vec<Operand> = Vec::with_capacity(branches.len() + 1);
    let mut places: Vec<Place> = vec![(usize::MAX, 0); rows.count];
    let mut open = BooleanBuffer::new_set(rows.count);
    for (when, then) in branches {
        if open.count_set_bits() == 0 {
            break;
        }
        let condition = if when.is_fallible() && open.count_set_bits() < rows.count {
            spread(when, rows, &open, false)?
        } else {
            when.booleans(rows)?
        };
        let mut chosen = &open & condition.values();
        if let Some(nulls) = condition.nulls() {
            chosen = &chosen & nulls.inner();
        }
        open = &open & &!&chosen;
        choose(then, rows, chosen, &mut pieces, &mut places)?;
    }
    choose(otherwise, rows, open, &mut pieces, &mut places)?;
    if let [piece] = pieces.as_slice() {
        return Ok(Operand::Column(piece.clone().into_column(rows.count)?));
    }
    let arrays: Vec<&dyn Array> = pieces.iter().map(|piece| piece.array().as_ref()).collect();
    Ok(Operand::Column(interleave(&arrays, &places)?))
}

/// Evaluates a branch's value for the rows that chose it, and notes where each finds it.
fn choose(
    value: &Expr,
    rows: &Rows<'_>,
    chosen: BooleanBuffer,
    pieces: &mut Vec<Operand>,
    places: &mut [Place],
) -> Result<(), EvaluationError> {
    let count = chosen.count_set_bits();
    if count == 0 && (rows.count > 0 || !pieces.is_empty()) {
        return Ok(());
    }
    let piece = pieces.len();
    let whole = count == rows.count || !value.is_fallible();
    let operand = if whole {
        value.operand(rows)?
    } else {
        value.operand(&rows.select(&BooleanArray::new(chosen.clone(), None), value)?)?
    };
    for (position, row) in chosen.set_indices().enumerate() {
        let index = match (&operand, whole) {
            (Operand::Constant(_), _) => 0,
            (_, true) => row,
            (_, false) => position,
        };
        places[row] = (piece, index);
    }
    pieces.push(operand);
    Ok(())
}
