# The product as an image: docs/deployment.md says how it is run.
FROM python:3.13-slim-trixie AS build
COPY requirements.txt /tmp/
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /tmp/requirements.txt

FROM python:3.13-slim-trixie
# What backups of PostgreSQL need, of the version in compose.yaml.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client-17 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tomo && install -d -m 0700 -o tomo -g tomo /data /data/keys
COPY --from=build /opt/venv /opt/venv
COPY . /opt/tomo-monitor
RUN /opt/venv/bin/python -m compileall -q /opt/tomo-monitor
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TOMO_DATA_DIR=/data TOMO_LISTEN=0.0.0.0:8000 TOMO_WATCH_SELF=off
WORKDIR /opt/tomo-monitor
USER tomo
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["python", "deploy/healthy.py"]
CMD ["python", "manage.py", "serve"]
