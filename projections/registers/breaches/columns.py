"""The columns of the breach register, for all of its kinds of rows."""

from __future__ import annotations

from projections.register import Column, Label

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "art. 33(5)"),
    Column("breach_id", Label("Inbreuk", "Personal data breach"), "9.1; art. 4(12)"),
    Column("event_ref", Label("Beveiligingsmelding", "Security event"), "9.3"),
    Column("controller", Label("Klant", "Controller"), "9.1; art. 33(2)"),
    Column("state", Label("Toestand", "State"), "9.2; art. 33(5)"),
    Column("became_aware_at", Label("Kennis genomen op", "Became aware at"), "9.1; art. 33(2)"),
    Column("occurred_from", Label("Begonnen op", "Began at"), "art. 33(5)"),
    Column("occurred_until", Label("Geëindigd op", "Ended at"), "art. 33(5)"),
    Column("nature", Label("Aard van de Inbreuk", "Nature of the breach"), "art. 33(3)(a)"),
    Column("origin", Label("Herkomst", "Origin"), "5.5; art. 33(5)"),
    Column("cause", Label("Oorzaak", "Cause"), "art. 33(5)"),
    Column("subject_count", Label("Aantal Betrokkenen", "Data subjects"), "art. 33(3)(a)"),
    Column(
        "subjects_approx",
        Label("Aantal Betrokkenen bij benadering", "Approximate number of data subjects"),
        "art. 33(3)(a)",
    ),
    Column(
        "records_approx",
        Label("Aantal gegevensregisters bij benadering", "Approximate number of records"),
        "art. 33(3)(a)",
    ),
    Column(
        "data_subject_categories",
        Label("Categorieën Betrokkenen", "Categories of data subjects"),
        "art. 33(3)(a)",
    ),
    Column(
        "data_categories",
        Label("Categorieën Persoonsgegevens", "Categories of personal data"),
        "4.2; art. 33(3)(a)",
    ),
    Column(
        "controllers_concerned",
        Label("Aantal betrokken Klanten", "Number of controllers concerned"),
        "9.1; art. 33(2)",
    ),
    Column("notified_at", Label("Klant geïnformeerd op", "Controller told at"), "9.1; art. 33(2)"),
    Column(
        "hours_to_notice",
        Label("Uren tot melding aan Klant", "Hours until the controller was told"),
        "9.1; art. 33(2)",
    ),
    Column("channel", Label("Weg van de melding", "Channel"), "9.1, 9.3"),
    Column("numbers", Label("Gemelde aantallen", "Numbers told"), "art. 33(3)(a)"),
    Column("contact_point", Label("Contactpunt", "Contact point"), "art. 33(3)(b)"),
    Column(
        "likely_consequences",
        Label("Waarschijnlijke gevolgen", "Likely consequences"),
        "art. 33(3)(c)",
    ),
    Column("measures", Label("Maatregelen", "Measures taken or proposed"), "art. 33(3)(d)"),
    Column(
        "missing_at_notice",
        Label("Ontbrak bij de melding", "Missing at the notice"),
        "9.1; art. 33(3), 33(4)",
    ),
    Column("still_missing", Label("Ontbreekt nog", "Still missing"), "9.2; art. 33(4)"),
    Column("updates", Label("Aantal vervolgberichten", "Number of updates"), "9.2; art. 33(4)"),
    Column("updates_received", Label("Ontvangen vervolgberichten", "Updates received"), "9.2"),
    Column("updates_missed", Label("Gemiste vervolgberichten", "Updates missed"), "9.2"),
    Column(
        "authority_due_at",
        Label("AP in te lichten voor", "Supervisory authority to be told by"),
        "9.4; art. 33(1)",
    ),
    Column(
        "authority_notified_at",
        Label("AP ingelicht op", "Supervisory authority told at"),
        "9.4; art. 33(1)",
    ),
    Column(
        "authority_hours",
        Label("Uren tot melding aan AP", "Hours until the authority was told"),
        "art. 33(1)",
    ),
    Column(
        "authority_in_time", Label("AP tijdig ingelicht", "Authority told in time"), "art. 33(1)"
    ),
    Column("authority_reference", Label("Kenmerk AP", "Reference of the authority"), "art. 33(1)"),
    Column(
        "reasons_for_delay", Label("Redenen voor vertraging", "Reasons for delay"), "art. 33(1)"
    ),
    Column(
        "data_subjects_notified_at",
        Label("Betrokkenen ingelicht op", "Data subjects told at"),
        "9.4; art. 34",
    ),
    Column(
        "data_subjects_notified",
        Label("Aantal ingelichte Betrokkenen", "Number of data subjects told"),
        "9.4; art. 34",
    ),
    Column("contained_at", Label("Ingeperkt op", "Contained at"), "art. 33(3)(d)"),
    Column("closed_at", Label("Gesloten op", "Closed at"), "art. 33(5)"),
    Column("root_cause", Label("Grondoorzaak", "Root cause"), "art. 33(5)"),
    Column("effects", Label("Gevolgen", "Effects"), "art. 33(5)"),
    Column("remedial_actions", Label("Herstelmaatregelen", "Remedial action"), "art. 33(5)"),
    Column("lessons", Label("Lessen", "Lessons"), "art. 33(5)"),
    Column("report_sha256", Label("Hash van het rapport", "Hash of the report"), "art. 33(5)"),
    Column("update_no", Label("Vervolgbericht", "Update"), "9.2; art. 33(4)"),
    Column("issued_at", Label("Verzonden op", "Issued at"), "9.2; art. 33(4)"),
    Column("changed_facts", Label("Gewijzigde feiten", "Changed facts"), "9.2; art. 33(4)"),
    Column("delivered_to", Label("Bereikte Klanten", "Controllers reached"), "9.2"),
    Column("not_delivered_to", Label("Niet bereikte Klanten", "Controllers not reached"), "9.2"),
    Column("controllers_added", Label("Toegevoegde Klanten", "Controllers added"), "9.1, 9.2"),
    Column("reporter", Label("Gemeld door", "Reported by"), "9.3"),
    Column("reported_at", Label("Gemeld op", "Reported at"), "9.3; art. 33(2)"),
    Column("summary", Label("Samenvatting", "Summary"), "9.3"),
    Column("dismissed_at", Label("Afgewezen op", "Dismissed at"), "art. 33(5)"),
    Column("reason", Label("Reden van afwijzing", "Reason for dismissal"), "art. 33(5)"),
    Column("assessed_by", Label("Beoordeeld door", "Assessed by"), "art. 33(5)"),
    Column("breach_ids", Label("Bevestigd als Inbreuk", "Confirmed as breach"), "9.1; art. 33(5)"),
)
