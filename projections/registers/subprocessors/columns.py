"""The columns of the subprocessor register."""

from __future__ import annotations

from projections.register import Column, Label

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "7"),
    Column("subprocessor", Label("Subverwerker", "Subprocessor"), "7.1; art. 28(4)"),
    Column("name", Label("Naam", "Name"), "7.2; art. 28(2)"),
    Column("controller", Label("Klant", "Controller"), "7.2; art. 28(2)"),
    Column("state", Label("Toestand", "State"), "7.1, 7.2"),
    Column("since", Label("Sinds", "Since"), "7.1"),
    Column("until", Label("Tot", "Until"), "7.1; art. 28(3)(g)"),
    Column("countries", Label("Landen", "Countries"), "5.3; art. 28(3)(a)"),
    Column("services", Label("Diensten", "Services"), "7.1"),
    Column(
        "data_categories",
        Label("Categorieën Persoonsgegevens", "Categories of personal data"),
        "4.2, 7.1",
    ),
    Column("basis", Label("Grond van inschakeling", "Basis of engagement"), "7.2; art. 28(2)"),
    Column("returned_or_erased", Label("Teruggave of wissing", "Returned or erased"), "10.1"),
    Column("contract_signed_at", Label("Subcontract gesloten op", "Contract signed at"), "7.1"),
    Column("contract_sha256", Label("Hash van het Subcontract", "Hash of the contract"), "7.1"),
    Column("clause_map", Label("Doorgelegde bepalingen", "Clauses passed on"), "7.1; art. 28(4)"),
    Column(
        "gaps", Label("Niet doorgelegde bepalingen", "Clauses not passed on"), "7.1; art. 28(4)"
    ),
    Column("change", Label("Bekendgemaakte wijziging", "Announced change"), "7.2; art. 28(2)"),
    Column("change_kind", Label("Soort wijziging", "Kind of change"), "7.2; art. 28(2)"),
    Column("announced_at", Label("Bekendgemaakt op", "Announced at"), "7.2"),
    Column("announced_via", Label("Bekendgemaakt via", "Announced through"), "7.2"),
    Column("intended_start", Label("Beoogde ingangsdatum", "Intended start"), "7.2"),
    Column("delivered_at", Label("Bezorgd op", "Delivered at"), "7.2; art. 28(2)"),
    Column("message_id", Label("Kenmerk van het bericht", "Id of the message"), "7.2"),
    Column("delivered_to", Label("Bereikte Klanten", "Controllers reached"), "7.2; art. 28(2)"),
    Column("objection_days", Label("Dagen voor bezwaar", "Days to object"), "7.2"),
    Column("window_closes", Label("Bezwaar mogelijk tot", "Objection window closes"), "7.2"),
    Column("objection", Label("Bezwaar", "Objection"), "7.2"),
    Column("received_at", Label("Bezwaar ontvangen op", "Objection received at"), "7.2"),
    Column("written", Label("Schriftelijk", "In writing"), "1, 7.2"),
    Column("reasoned", Label("Gemotiveerd", "Reasoned"), "7.2"),
    Column("validity", Label("Geldigheid van het bezwaar", "Validity of the objection"), "7.2"),
    Column("outcome", Label("Uitkomst", "Outcome"), "7.2; art. 28(2)"),
    Column("resolved_at", Label("Afgehandeld op", "Resolved at"), "7.2"),
)
