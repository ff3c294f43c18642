"""The columns of the processing register, each with the article or clause that asks for it."""

from __future__ import annotations

from projections.register import Column, Label

COLUMNS = (
    Column("kind", Label("Soort regel", "Kind of row"), "Annex I"),
    Column("id", Label("Kenmerk", "Reference"), "Annex I"),
    Column("controller", Label("Klant", "Controller"), "2.1; art. 30(2)(a)"),
    Column("name", Label("Naam", "Name"), "art. 30(2)(a)"),
    Column("number", Label("KvK-nummer of AGB-code", "Registration number"), "art. 30(2)(a)"),
    Column("contact", Label("Contactgegevens", "Contact details"), "art. 30(2)(a)"),
    Column(
        "dpo",
        Label("Functionaris voor gegevensbescherming", "Data protection officer"),
        "art. 30(2)(a)",
    ),
    Column("representative", Label("Vertegenwoordiger", "Representative"), "art. 30(2)(a)"),
    Column("products", Label("Producten", "Products"), "1 (Leverancier)"),
    Column("name_nl", Label("Verwerking (Nederlands)", "Processing (Dutch)"), "art. 30(2)(b)"),
    Column("name_en", Label("Verwerking (Engels)", "Processing (English)"), "art. 30(2)(b)"),
    Column(
        "categories_of_processing",
        Label("Categorieën van Verwerkingen", "Categories of processing"),
        "art. 30(2)(b)",
    ),
    Column("transfers", Label("Doorgiften", "Transfers to third countries"), "art. 30(2)(c); 5.3"),
    Column("measures", Label("Beveiligingsmaatregelen", "Security measures"), "art. 30(2)(d)"),
    Column("description", Label("Omschrijving", "Description"), "art. 30(2)(d)"),
    Column("state", Label("Toestand", "State"), "3.1, 3.2; art. 28(3)"),
    Column("since", Label("Sinds", "Since"), "3.1; art. 28(3)"),
    Column("until", Label("Tot", "Until"), "3.2; art. 28(3)"),
    Column("version", Label("Versie", "Version"), "Annex I"),
    Column("versions", Label("Wijzigingen", "Changes"), "Annex I"),
    Column("purpose", Label("Doel", "Purpose"), "art. 28(3)"),
    Column(
        "data_subject_categories",
        Label("Categorieën Betrokkenen", "Categories of data subjects"),
        "2.2; art. 28(3)",
    ),
    Column(
        "data_categories",
        Label("Categorieën Persoonsgegevens", "Categories of personal data"),
        "4.2; art. 28(3)",
    ),
    Column(
        "special_categories",
        Label("Bijzondere categorieën en BSN", "Special categories and BSN"),
        "4.2; art. 9; UAVG 46",
    ),
    Column("recipients", Label("Ontvangers", "Recipients"), "4.2; art. 28(3)"),
    Column("storage_countries", Label("Landen van opslag", "Countries of storage"), "5.3"),
    Column("subprocessors", Label("Subverwerkers", "Subprocessors"), "7; art. 28(2)"),
    Column("retention_rule", Label("Bewaartermijn", "Retention"), "4.3; art. 28(3)"),
)
