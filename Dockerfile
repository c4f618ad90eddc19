# One image for every process: `docker run … bright-kitchen run gateway`.
FROM python:3.11.13-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data kitchen \
    && install -d -o kitchen -g kitchen -m 0750 /data /config /broker
WORKDIR /source
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY alerts alerts
COPY casework casework
COPY cli cli
COPY configs configs
COPY credit credit
COPY devices devices
COPY domain domain
COPY store store
COPY streams streams
COPY traceability traceability
COPY vision vision
COPY web web
RUN pip install -c requirements.lock '.[s3]' && rm -rf /source/*
WORKDIR /data
USER kitchen
VOLUME ["/data", "/config"]
ENTRYPOINT ["kitchen"]
CMD ["--help"]
