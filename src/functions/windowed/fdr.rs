//! Which of many small probabilities may be believed: q-values over the tests of a partition.

use arrow::array::ArrayRef;
use datafusion::error::{DataFusionError, Result};

use super::super::Entry;
use super::panels::Names;
use super::{Argument, Cell, Kind, Part, Partition, Shape, Windowed};
use crate::stats::fdr::hierarchy::Tree;
use crate::stats::fdr::{benjamini_hochberg, benjamini_yekutieli, holm};

/// The argument of a probability.
const P: Argument = Argument::new("p", Kind::Number);

/// The functions of this file.
pub(super) const ENTRIES: &[Entry<Windowed>] = &[
    Entry {
        name: "fdr_bh",
        call: "fdr_bh(p) → double",
        it: "Valore q di Benjamini-Hochberg di ogni p della partizione: tenendo q ≤ 0,05 una segnalazione su venti è falsa. Un p assente non conta.",
        en: "Benjamini-Hochberg q-value of each p of the partition: keeping q ≤ 0.05 makes one flag in twenty false. An absent p does not count.",
        source: "Benjamini, Hochberg 1995, J. R. Statist. Soc. B 57:289",
        run: adjusting(|partition| adjusted(partition, benjamini_hochberg)),
    },
    Entry {
        name: "fdr_by",
        call: "fdr_by(p) → double",
        it: "Valore q di Benjamini-Yekutieli, valido qualunque sia la dipendenza tra i p della partizione.",
        en: "Benjamini-Yekutieli q-value, valid whatever the dependence between the p of the partition.",
        source: "Benjamini, Yekutieli 2001, Ann. Statist. 29:1165",
        run: adjusting(|partition| adjusted(partition, benjamini_yekutieli)),
    },
    Entry {
        name: "holm",
        call: "holm(p) → double",
        it: "p corretto da Holm: tenendo quelli fino ad α, la probabilità di anche una sola segnalazione falsa è α.",
        en: "p adjusted by Holm: keeping those up to α, the chance of even one false flag is α.",
        source: "Holm 1979, Scand. J. Statist. 6:65",
        run: adjusting(|partition| adjusted(partition, holm)),
    },
    Entry {
        name: "fdr_tree",
        call: "fdr_tree(family, p [, level]) → struct(q_family, q)",
        it: "Valori q lungo l'albero famiglia-prova, per esempio bisogno-ambito: prima la famiglia (Simes su tutte le sue prove), poi le prove delle famiglie trovate; una prova vale se anche q è al più level (0,05 se manca). q è nullo dove la famiglia non è trovata.",
        en: "q-values down the tree of family and test, such as need and district: first the family (Simes over all its tests), then the tests of the families found; a test is found if q too is at most level (0.05 if left out). q is null where the family is not found.",
        source: "Bogomolov, Peterson, Benjamini, Sabatti 2021, Biometrika 108:575",
        run: Windowed {
            arguments: &[
                Argument::new("family", Kind::Text),
                P,
                Argument::new("level", Kind::Number),
            ],
            n_optional: 1,
            shape: Shape::Struct(&[("q_family", Part::Number), ("q", Part::Number)]),
            run: down_the_tree,
        },
    },
];

/// The level of a tree where none is given.
const LEVEL: f64 = 0.05;

/// A method that adjusts probabilities.
const fn adjusting(run: fn(&Partition) -> Result<ArrayRef>) -> Windowed {
    Windowed {
        arguments: &[P],
        n_optional: 0,
        shape: Shape::One(Part::Number),
        run,
    }
}

/// The adjusted probabilities of the rows that have one.
fn adjusted(partition: &Partition, adjust: fn(&[f64]) -> Vec<f64>) -> Result<ArrayRef> {
    let given = probabilities(partition, 0)?;
    let there: Vec<f64> = given.iter().copied().flatten().collect();
    let mut answers = adjust(&there).into_iter();
    partition.doubles(given.into_iter().map(|p| p.and_then(|_| answers.next())))
}

/// The q-values of families and tests.
fn down_the_tree(partition: &Partition) -> Result<ArrayRef> {
    partition.check(
        2,
        |level| level > 0.0 && level <= 1.0,
        "above 0 and at most 1",
    )?;
    let level = partition.option(2)?.unwrap_or(LEVEL);
    let given = probabilities(partition, 1)?;
    let mut families = partition.texts(0)?;
    for (family, p) in families.iter_mut().zip(&given) {
        *family = family.filter(|_| p.is_some());
    }
    let names = Names::of(&families);
    let places: Vec<Option<usize>> = families.iter().map(|name| names.place(*name)).collect();
    let leaves = places.iter().zip(&given);
    let (parents, p_values): (Vec<usize>, Vec<f64>) = leaves
        .filter_map(|(place, p)| Some(((*place)?, (*p)?)))
        .unzip();
    let of_tree = |tree: Tree| tree.decide(&p_values, level);
    let levels = Tree::of_families(parents).and_then(of_tree);
    let levels = levels.map_err(|error| DataFusionError::Execution(error.to_string()))?;
    let [of_families, of_tests] = levels.as_slice() else {
        return partition.structs(&vec![None; partition.n_rows()]);
    };
    let mut tests = of_tests.q_values.iter();
    let rows = places.into_iter().map(|place| {
        let q_family = of_families.q_values.get(place?).copied().flatten();
        let q = tests.next().copied().flatten();
        Some(vec![Cell::from(q_family), Cell::from(q)])
    });
    partition.structs(&rows.collect::<Vec<_>>())
}

/// The probabilities of an argument.
fn probabilities(partition: &Partition, place: usize) -> Result<Vec<Option<f64>>> {
    partition.check(place, |p| (0.0..=1.0).contains(&p), "from 0 to 1")?;
    partition.numbers(place)
}

#[cfg(test)]
mod tests {
    use crate::functions::answers::{refused, rows};

    #[tokio::test]
    async fn the_worked_example_in_any_order_and_with_an_absent_test() {
        // Holm's rule over 0.005, 0.01, 0.03, 0.04; Hochberg's: .005·4/1, .01·4/2, then .04·4/4 for both.
        let sql = "select p, round(fdr_bh(p) over (), 9), round(holm(p) over (), 9),
                          round(fdr_by(p) over (), 6)
                   from (values (0.04), (0.005), (null), (0.01), (0.03)) as tests (p) order by p";
        let found = rows(sql).await;
        // 1 + 1/2 + 1/3 + 1/4 = 25/12
        assert_eq!(found[0], ["0.005", "0.02", "0.02", "0.041667"]);
        assert_eq!(found[1], ["0.01", "0.02", "0.03", "0.041667"]);
        assert_eq!(found[2], ["0.03", "0.04", "0.06", "0.083333"]);
        assert_eq!(found[3], ["0.04", "0.04", "0.06", "0.083333"]);
        assert_eq!(found[4], ["NULL"; 4]);
    }

    #[tokio::test]
    async fn the_worked_example_of_the_tree_with_rows_of_no_test() {
        // Families: Simes .004, .4, .030, so q_family .012, .4, .045: A and C are found, 2 of 3.
        // Tests: in A q = .001·4·3/2 = .006 and .020·2·3/2 = .06; in C .010·3·3/2 = .045.
        let tests = "(values ('C', 0.045), ('A', 0.020), ('B', 0.4), ('A', 0.001), ('C', 0.010),
                             ('A', 0.9), ('B', 0.3), ('A', 0.5), ('C', 0.030), ('D', null),
                             (null, 0.0001)) as tests (family, p)";
        let sql = |level: &str| {
            format!(
                "with judged as (select family, p, fdr_tree(family, p{level}) over () as t from {tests})
                 select family, p, round(t['q_family'], 9), round(t['q'], 9) from judged order by 1, 2"
            )
        };
        let found = rows(&sql("")).await;
        let said = |row: usize| found[row].join(" ");
        assert_eq!(said(0), "A 0.001 0.012 0.006");
        assert_eq!(said(1), "A 0.02 0.012 0.06");
        assert_eq!(said(4), "B 0.3 0.4 NULL");
        assert_eq!(said(6), "C 0.01 0.045 0.045");
        assert_eq!(said(9), "D NULL NULL NULL");
        assert_eq!(said(10), "NULL 0.0001 NULL NULL");
        // At the level 0.02 only A is found, 1 of 3: .001·4·3 = .012.
        let strict = rows(&sql(", 0.02")).await;
        assert_eq!(strict[0].join(" "), "A 0.001 0.012 0.012");
        assert_eq!(strict[6].join(" "), "C 0.01 0.045 NULL");
    }

    #[tokio::test]
    async fn what_is_no_probability_is_refused() {
        let found = refused("select fdr_bh(p) over () from (values (0.5), (1.5)) as t (p)").await;
        assert!(
            found.contains("fdr_bh: argument `p` is 1.5 in a row; it must be from 0 to 1, or null"),
            "{found}"
        );
    }
}
