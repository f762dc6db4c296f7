"""Sentence templates of the training data, by subject.

Purpose: descriptions, summaries, comments, messages and instructions that read as prose.  A
template is a plain string with ``{slots}``; :func:`values.Scene.fill` replaces each slot by a value
of the same scene (the same person, product or place), so that a record is coherent.
"""

from __future__ import annotations


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines())


PRODUCT = _lines("""
A {adjective} {product} for everyday use.
{Adjective} {product} made of {material}, perfect for {place_of_use}.
This {product} combines a {adjective} design with lasting quality.
Keep your {place_of_use} organized with this {adjective} {product}.
{Adjective} and {adjective2} {product} with a {years}-year warranty.
The {brand} {product} is built from {material} and comes in {color}.
A {color} {product} that fits any {place_of_use}.
Our best-selling {product}, now available in {color}.
Designed in {city}, this {product} is {adjective} and easy to clean.
Great value {product} with free shipping in {country}.
""")
REVIEW = _lines("""
Great {product}, exactly what I was looking for.
The {product} arrived on time and works well.
Good quality for the price. I would buy it again.
Not bad, but the {product} is smaller than expected.
Excellent service and fast delivery!
I have used this {product} for {count} months and I am very happy with it.
The {color} looks even better in person.
Disappointed with the quality. It broke after {count} days.
Highly recommended for anyone who needs a {adjective} {product}.
It does the job, but the instructions could be clearer.
My family loves it. Five stars!
Would not recommend. Customer support never answered.
""")
EVENT = _lines("""
Join us for a day of talks and discussions about {topic}.
An evening of {music} music at {venue}.
A hands-on workshop on {topic} for beginners and experts.
Monthly meeting of the {department} team.
Annual {event} with guests from all over {country}.
Meet other people who are interested in {topic}.
Food and drinks will be provided.
{first} {last} will give a talk about {topic}.
Celebrate the start of {season} with friends and family.
Discuss the roadmap for the next quarter.
""")
RECIPE_STEP = _lines("""
Preheat the oven to {temperature} degrees.
Chop the {ingredient} and set aside.
Heat the olive oil in a large pan over medium heat.
Add the {ingredient} and cook for {count} minutes.
Mix the {ingredient} and {ingredient2} in a bowl.
Season with salt and pepper.
Bring to a boil and simmer for {count} minutes.
Stir in the {ingredient} until combined.
Bake for {minutes} minutes until golden brown.
Serve hot with fresh {ingredient}.
Let it cool before serving.
Garnish with {ingredient} and serve.
""")
RECIPE = _lines("""
A quick and easy {cuisine} dish for the whole family.
Traditional {dish} with {ingredient} and {ingredient2}.
A simple {dish} that is ready in {minutes} minutes.
Creamy, rich and full of flavor.
Perfect for a cold {season} evening.
A healthy {cuisine} recipe with fresh {ingredient}.
""")
STORY = _lines("""
A young woman returns to {city} and discovers a family secret.
Two friends set out on a journey across {country}.
The story of a {job} who must choose between love and duty.
When a stranger arrives in {city}, nothing is the same again.
A moving novel about memory, loss and hope.
An {genre} classic set in {city} during the {year}s.
A detective investigates a series of strange events in {city}.
A family struggles to keep its {animal} farm alive.
In a world without {noun}, one girl dares to dream.
An introduction to {topic} with practical examples.
""")
JOB = _lines("""
We are looking for a {job} to join our {department} team in {city}.
As a {job}, you will work with {skill} and {skill2}.
{company} is hiring a {job} with at least {count} years of experience.
You will be responsible for {topic} and report to the head of {department}.
Join a fast-growing team that builds tools for {topic}.
Experience with {skill} is required; {skill2} is a plus.
Flexible hours, remote work and a friendly team.
""")
TICKET = _lines("""
I cannot log in to my account since this morning.
The {page} page shows an error when I click on save.
My order has not arrived yet. Can you check the status?
The app crashes when I open the {page} page.
I was charged twice for my subscription.
How do I reset my password?
Please update my email address to {email}.
The {service} service returns error {error_code}.
The invoice for last month is missing.
I would like to cancel my order and get a refund.
The export to CSV does not include all rows.
Steps to reproduce: open the {page} page, enter a name and press enter.
The printer on the second floor is not working.
Uploading a file larger than {count} MB fails with a timeout.
""")
TICKET_TITLE = _lines("""
Cannot log in
Error on {page} page
Order not delivered
App crashes on startup
Charged twice
Password reset does not work
Change email address
{service} service is down
Missing invoice
Refund request
Slow response times
Feature request: dark mode
Broken link on {page} page
Update documentation for {service}
Fix {page} page layout
Add tests for {service}
Unable to upload files
""")
TASK = _lines("""
Buy groceries
Call {first}
Send the report to {first}
Prepare slides for the {event}
Review the pull request
Book a flight to {city}
Clean the kitchen
Pay the electricity bill
Write documentation for {service}
Fix the {page} page
Plan the {event}
Update the {service} configuration
Schedule a meeting with {first} {last}
Finish the {topic} report
Water the plants
Renew the passport
""")
BIO = _lines("""
{job} based in {city}.
{job} with {count} years of experience in {topic}.
{first} is a {job} from {city} who loves {hobby}.
I enjoy {hobby} and {hobby2}.
Passionate about {topic} and {hobby}.
Born in {city}, {first} now lives in {country} and works as a {job}.
Coffee lover, {hobby} fan and {job}.
Writer and speaker on {topic}.
""")
ARTICLE = _lines("""
An overview of {topic} and why it matters.
This article explains the basics of {topic}.
How {company} uses {topic} to improve its products.
A short introduction to {topic} for beginners.
The latest news about {topic} from {city}.
Learn how {topic} is changing the way we work.
Five practical tips for {topic}.
In this guide, we look at {topic} step by step.
A study from {city} shows that {topic} is growing quickly.
""")
ARTICLE_TITLE = _lines("""
The Future of {Topic}
A Guide to {Topic}
Introduction to {Topic}
{count} Tips for {Topic}
Why {Topic} Matters
Understanding {Topic}
How to Get Started with {Topic}
{Topic} in {year}
Lessons from {city}
What We Learned About {Topic}
""")
SOFTWARE = _lines("""
A small library for {topic}.
Command line tool for managing {service} services.
A {framework} application for {topic}.
Handles {service} requests for the {project} project.
Fast and simple {service} client written in {skill}.
The {service} service of {company}.
Utilities for working with {file_ending} files.
Runs the {service} in the background.
Configuration for the {service} service.
""")
LOG = _lines("""
Connection to {service} established
Request completed in {milliseconds} ms
User {user} logged in
Failed to connect to {service}: timeout
File {file} not found
Starting {service} on port {port}
Cache cleared
Invalid value for field {page}
Backup finished successfully
Retrying in {count} seconds
Permission denied for user {user}
Job {count} completed
""")
COMMIT = _lines("""
Fix typo in README
Add tests for the {service} module
Update dependencies
Refactor {service} handling
Remove unused code
Improve error messages
Bump version to {version}
Fix bug in {page} page
Support {file_ending} files
""")
MEDICAL = _lines("""
Patient reports {symptom} for {count} days.
Take one tablet {count} times a day after meals.
No known allergies.
Follow-up in {count} weeks.
Patient is in good general condition.
Prescribed {medication} for {symptom}.
Mild {symptom}, no fever.
""")
TRAVEL = _lines("""
A charming apartment in the heart of {city}.
Spacious house with garden, close to the center of {city}.
Visit the old town and the markets of {city}.
A quiet hotel near {venue} with free breakfast.
Bright studio with a view of the river.
Three days in {city} with guided tours.
Walking distance to restaurants, shops and public transport.
Modern {rooms}-bedroom home with large kitchen and parking.
""")
WEATHER = _lines("""
{Weather} with a high of {temperature_c} degrees.
Expect {weather} in the morning and {weather2} later.
{Weather} throughout the day in {city}.
Light winds and {weather} skies.
""")
MESSAGE = _lines("""
Hi {first}, are we still meeting tomorrow?
Thank you for your order!
Please find the report attached.
Happy birthday, {first}!
See you at {venue} at {clock}.
Let me know if you have any questions.
Can you send me the {topic} slides?
Your appointment is confirmed.
Hello {first}, welcome to {company}.
The meeting has been moved to {weekday}.
Thanks for your help!
I will be back in the office on {weekday}.
Looking forward to hearing from you.
""")
SUBJECT = _lines("""
Meeting on {weekday}
Your order has shipped
Invoice for {month}
Welcome to {company}
Question about {topic}
Weekly report
Invitation: {event}
Reminder: {event} on {weekday}
Your subscription
Password reset
Re: {topic}
""")
NOTE = _lines("""
Please leave the package at the front door.
Call before delivery.
Customer prefers contact by email.
To be reviewed by {first}.
Handle with care.
No further action needed.
Needs approval from {department}.
Paid in full.
Updated after the meeting on {weekday}.
Waiting for a reply from {company}.
Ring the bell twice.
Vegetarian meal requested.
Delivered to the neighbor.
Check again next week.
First visit.
""")
GENERIC = _lines("""
A short description of the {noun}.
Used for {topic}.
The main {noun} of the {project} project.
Created by {first} {last}.
Part of the {project} project at {company}.
See the documentation for details.
Everything you need to know about {topic}.
A {adjective} example.
Located in {city}, {country}.
Includes {count} items.
Available from {month} {year}.
Maintained by the {department} team.
""")
QUESTION = _lines("""
What is the capital of {country}?
How many days are in {month}?
Which city is the largest in {country}?
Who wrote this book?
What is {topic}?
Which of these is a fruit?
What is {count} plus {count2}?
When was {company} founded?
""")
QUOTE = _lines("""
The best time to start is now.
Simplicity is the key to good design.
We learn more from failure than from success.
Small steps lead to big changes.
Quality is never an accident.
""")

# Prose about the same subjects, for the text documents.
PROSE = BIO + ARTICLE + EVENT + JOB + TICKET + STORY + PRODUCT + REVIEW + RECIPE + TRAVEL + MESSAGE + GENERIC + WEATHER

INSTRUCTIONS = _lines("""
Generate a {record}.
Create a {record}.
Write a {record} as JSON.
Return a JSON object for a {record}.
Give me an example of a {record}.
Produce a realistic {record}.
Make up a {record}.
Generate a random {record} in JSON format.
Extract the {record} from the text.
Fill in the {record}.
I need a {record}.
Please write a {record} that follows the schema.
""")
