//! The tables of `WeMi`, column by column.

use super::tables::Kind::{Amount, Day, Instant as Moment, Number, Text};
use super::tables::Layout;

/// The requests.
pub(super) const BASE: Layout = Layout {
    name: "richiesta_servizio_base",
    columns: &[
        ("id_richiesta_servizio_base", Number),
        ("id_cittadino", Text),
        ("cd_tipologia", Number),
        ("cd_origine_richiesta", Number),
        ("ts_creazione", Moment),
        ("ts_registrazione", Moment),
        ("dt_periodo_richiesto_dal", Day),
        ("dt_periodo_richiesto_al", Day),
        ("js_impersonificazione", Text),
        ("js_dati_richiesta", Text),
    ],
};

/// What a body provides for a request.
pub(super) const ENTE_REQUEST: Layout = Layout {
    name: "richiesta_servizio_ente",
    columns: &[
        ("id_richiesta_servizio_base", Number),
        ("id_ente", Number),
        ("id_servizio_erogato_ente", Number),
        ("im_costo_totale_calcolato", Amount),
        ("im_costo_totale_ente", Amount),
        ("im_quota_pubblica", Amount),
        ("nr_ore_previste", Amount),
        ("nr_ore_erogate", Amount),
        ("cd_ricavo", Text),
        ("ts_scadenza_acquisto", Moment),
    ],
};

/// The history of states.
pub(super) const HISTORY: Layout = Layout {
    name: "richiesta_servizio_ente_stt",
    columns: &[
        ("id_richiesta_servizio_base", Number),
        ("ts_variazione_stato", Moment),
        ("cd_stato_ric_serv_ente", Number),
        ("cd_motivo", Text),
    ],
};

/// Requests for domestic work and the workers found.
pub(super) const MATCHES: Layout = Layout {
    name: "r_match_ric_lav",
    columns: &[
        ("id_richiesta", Number),
        ("id_lavoratore", Text),
        ("id_ult_operatore", Text),
        ("cd_stato_associazione", Number),
        ("ts_associazione", Moment),
        ("nr_ore_previste", Amount),
        ("nr_ore_erogate", Amount),
        ("im_paga_oraria", Amount),
    ],
};

/// What people say afterwards.
pub(super) const REVIEWS: Layout = Layout {
    name: "recensione_ente",
    columns: &[
        ("id_recensione", Number),
        ("id_richiesta_servizio_base", Number),
        ("id_ente", Number),
        ("id_cittadino", Text),
        ("nr_voto", Number),
        ("tx_commento", Text),
        ("ts_recensione", Moment),
    ],
};

/// The bodies.
pub(super) const ENTI: Layout = Layout {
    name: "ente",
    columns: &[
        ("id_ente", Number),
        ("tx_denominazione", Text),
        ("cd_forma_giuridica", Text),
        ("dt_accreditamento_dal", Day),
        ("dt_accreditamento_al", Day),
        ("nr_capacita_mese", Number),
        ("js_categorie", Text),
        ("js_municipi", Text),
    ],
};

/// The places.
pub(super) const SPAZI: Layout = Layout {
    name: "spazio_wemi",
    columns: &[
        ("id_spazio", Number),
        ("tx_nome", Text),
        ("nr_municipio", Number),
        ("dt_apertura", Day),
        ("dt_chiusura", Day),
        ("js_attivita", Text),
    ],
};

/// The members.
pub(super) const MEMBERS: Layout = Layout {
    name: "utenti_attivi",
    columns: &[
        ("dt_mese", Day),
        ("nr_municipio", Number),
        ("nr_utenti_attivi", Number),
    ],
};
