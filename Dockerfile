# The ledger, or a witness; the database is a server of its own (docker-compose.yml). The base is
# pinned by version; pin its digest where you build: --build-arg BASE=python@sha256:...
ARG BASE=python:3.13.18-slim-trixie

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /source
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/verantwoord \
    && pip --python /opt/verantwoord install --require-hashes --only-binary :all: \
        --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY packaging/bundled.cdx.json packaging/
COPY ledger ledger
COPY projections projections
COPY api api
RUN pip --python /opt/verantwoord install --no-deps .

FROM ${BASE}
LABEL org.opencontainers.image.title="Verantwoord" \
      org.opencontainers.image.description="The audit ledger of a processor agreement" \
      org.opencontainers.image.licenses="EUPL-1.2"
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PATH=/opt/verantwoord/bin:$PATH
RUN pip uninstall --yes --quiet --root-user-action=ignore pip \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin verantwoord \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/verantwoord /opt/verantwoord

USER 10001:10001
WORKDIR /
VOLUME /data
EXPOSE 8480
HEALTHCHECK --interval=10s --timeout=5s --retries=6 --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8480/readyz', timeout=4)"]
ENTRYPOINT ["verantwoord"]
CMD ["serve", "--host=0.0.0.0", "--data=/data"]
