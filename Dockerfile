# The whole product in one image: `docker run IMAGE` is `gatekeeper run`, `docker run IMAGE doctor` any other command.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# Two environments: what builds the wheel is not shipped
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements-build.lock \
 && python -m venv --without-pip /opt/gatekeeper \
 && pip --python /opt/gatekeeper/bin/python install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY config ./config
COPY templates ./templates
COPY gatekeeper ./gatekeeper
RUN /opt/build/bin/python -m hatchling build -t wheel -d /dist \
 && pip --python /opt/gatekeeper/bin/python install --no-index --no-deps /dist/*.whl

FROM ${PYTHON}
LABEL org.opencontainers.image.title="gatekeeper" \
      org.opencontainers.image.description="Reminds, warns and, at last, suspends access of accounts with overdue invoices" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 gatekeeper \
 && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/gatekeeper --no-create-home gatekeeper \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/gatekeeper
COPY --from=build /opt/gatekeeper /opt/gatekeeper
# The web part listens where the container's port can be published. The gate stays on the loopback until it is given
# GATEKEEPER__GATE__LISTEN=0.0.0.0:8403 together with an edge secret, without which it refuses to.
ENV PATH=/opt/gatekeeper/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEKEEPER__STATE__FOLDER=/var/lib/gatekeeper \
    GATEKEEPER__DATABASE__URL=sqlite:////var/lib/gatekeeper/gatekeeper.db \
    GATEKEEPER__WEB__LISTEN=0.0.0.0:8402
# By number, so that an orchestrator can see that it is not root
USER 10001:10001
WORKDIR /var/lib/gatekeeper
VOLUME ["/var/lib/gatekeeper"]
EXPOSE 8402 8403
STOPSIGNAL SIGTERM
# http.client, unlike urllib, heeds no proxy of the environment
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8402, timeout=2); c.request('GET', '/livez'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["gatekeeper"]
CMD ["run"]
