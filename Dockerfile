# The ledger alone; its database is a server of its own (docker-compose.yml).
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.lock ./
RUN pip install -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY ledger ledger
COPY projections projections
COPY api api
RUN pip install --no-deps . \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ledger \
    && install --directory --owner=ledger --mode=0700 /data

USER ledger
WORKDIR /
VOLUME /data
EXPOSE 8480
ENTRYPOINT ["verantwoord"]
CMD ["serve", "--host=0.0.0.0", "--data=/data"]
