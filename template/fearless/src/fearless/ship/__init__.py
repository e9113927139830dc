"""From a judged candidate to production and back: releases, deployments, and who agreed to what."""
