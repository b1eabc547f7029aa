# Two images from one file: `--target web` holds no training stack, `--target worker` adds it.
# docs/operating.md says how they are used, and where they have been built and where not.

ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
ARG NODE_IMAGE=node:24.11.1-bookworm-slim

# What both images are based on: the folder, the user, how Python behaves. Nothing here changes from day to day.
FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    GRAFT_HOME=/data \
    PYTHONPATH=/app \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /app
RUN groupadd --gid 10001 graft \
    && useradd --uid 10001 --gid graft --no-create-home --home-dir /data --shell /usr/sbin/nologin graft \
    && install --directory --owner=graft --group=graft /data

# The packages of the web, from pyproject.toml and constraints.txt alone, so that this layer lasts until one changes.
FROM base AS web-packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
COPY pyproject.toml constraints.txt ./
RUN touch README.md \
    && python -m venv /opt/venv \
    && pip install --constraint constraints.txt --upgrade pip setuptools \
    && pip install --constraint constraints.txt --no-build-isolation --editable .

# torch first and alone: another package that is free to choose would take its newest build.
FROM web-packages AS worker-packages
RUN pip install --constraint constraints.txt torch \
    && pip install --constraint constraints.txt --no-build-isolation --editable '.[train]'

# Stylesheets, scripts and icons out of the npm packages that package-lock.json pins.
FROM ${NODE_IMAGE} AS node
FROM web-packages AS static
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
COPY . .
RUN python scripts/build_static.py \
    && GRAFT_HOME=/tmp/build python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf /tmp/build node_modules

FROM base AS web
COPY --from=web-packages /opt/venv /opt/venv
COPY --from=static /app /app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-m", "launcher.health", "web"]
ENTRYPOINT ["python", "-m", "launcher.role"]
CMD ["web"]

FROM base AS worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY --from=static /app /app
USER 10001:10001
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s --retries=3 \
    CMD ["python", "-m", "launcher.health", "worker-train"]
ENTRYPOINT ["python", "-m", "launcher.role"]
CMD ["worker-train"]
